//! Maps that are linear in input and weights.

use super::super::{Conv, ConvTranspose, Linear};
use crate::error::{Result, Within};
use crate::graph::{Attribute, Value, linear_map, window};
use crate::parameter::RandomParameter;

impl Linear {
    /// `MatMul` with Wᵀ, and `Add`. Where the weights of an output covary, the input's mean meets their variances along the axes, its own
    /// variance, which is of independent numbers, those of each weight.
    pub(crate) fn written(&self, x: &Value) -> Result<Value> {
        x.holds(false)?;
        let weight = x.weight_as(&self.weight, "transposed", |w| {
            w.f_transpose(0, 1).and_then(|w| w.f_contiguous()).within("Linear")
        })?;
        let bias = bias(x, self.bias.as_ref())?;
        let map = |x: &Value, w: &Value, b: Option<&Value>| match b {
            Some(b) => x.matmul(w)?.plus(b),
            None => x.matmul(w),
        };
        let Some((axes, along)) = x.covariance(&self.weight)? else {
            return linear_map(x, &weight, bias.as_ref(), map);
        };
        let output = linear_map(x, &weight.mean_part(), bias.as_ref(), map)?;
        let mut variance = x.mean_part().matmul(&axes)?.square()?.matmul(&along)?;
        if let (Some(own), Some(of_weights)) = (x.variance_part(), weight.variance_part()) {
            variance = variance.plus(&own.matmul(&of_weights)?)?;
        }
        if let Some(before) = output.variance_part() {
            variance = variance.plus(&before)?;
        }
        Ok(Value::joined(output.mean_part(), Some(variance)))
    }
}

fn bias(x: &Value, bias: Option<&RandomParameter>) -> Result<Option<Value>> {
    bias.map(|bias| x.weight(bias)).transpose()
}

/// A convolution's attributes.
fn attributes<const D: usize>(
    [kernel, stride, padding, dilation]: [&[i64; D]; 4],
    groups: i64,
) -> Vec<(&'static str, Attribute)> {
    let mut attributes = window(kernel, stride, padding, Some(dilation.as_slice()));
    attributes.push(("group", Attribute::Int(groups)));
    attributes
}

impl<const D: usize> Conv<D> {
    /// `Conv`.
    pub(crate) fn written(&self, x: &Value) -> Result<Value> {
        x.holds(false)?;
        let (kernel, config) = (self.kernel.0, &self.config);
        let (stride, padding, dilation) = (config.stride.0, config.padding.0, config.dilation.0);
        let axes = x.windowed(Some(self.outputs), &kernel, &stride, &padding, &dilation);
        let (weight, bias) = (x.weight(&self.weight)?, bias(x, self.bias.as_ref())?);
        linear_map(x, &weight, bias.as_ref(), |x, w, b| {
            let inputs: Vec<&Value> = [x, w].into_iter().chain(b).collect();
            let attributes = attributes([&kernel, &stride, &padding, &dilation], config.groups);
            Value::node("Conv", &inputs, attributes, axes.clone())
        })
    }
}

impl<const D: usize> ConvTranspose<D> {
    /// `ConvTranspose`.
    pub(crate) fn written(&self, x: &Value) -> Result<Value> {
        x.holds(false)?;
        let (kernel, config) = (self.kernel.0, &self.config);
        let (stride, padding, dilation) = (config.stride.0, config.padding.0, config.dilation.0);
        let added = config.output_padding.0;
        let settings = kernel.iter().zip(&stride).zip(padding.iter().zip(&dilation)).zip(&added);
        let spatial = x
            .axes()
            .iter()
            .skip(2)
            .zip(settings)
            .map(|(n, (((k, s), (p, d)), o))| n.map(|n| illia_shape::transposed(n, *k, *s, *p, *o, *d)));
        let axes: Vec<Option<i64>> = [None, Some(self.outputs)].into_iter().chain(spatial).collect();
        let (weight, bias) = (x.weight(&self.weight)?, bias(x, self.bias.as_ref())?);
        linear_map(x, &weight, bias.as_ref(), |x, w, b| {
            let inputs: Vec<&Value> = [x, w].into_iter().chain(b).collect();
            let mut attributes = attributes([&kernel, &stride, &padding, &dilation], config.groups);
            attributes.push(("output_padding", Attribute::Ints(added.to_vec())));
            Value::node("ConvTranspose", &inputs, attributes, axes.clone())
        })
    }
}
