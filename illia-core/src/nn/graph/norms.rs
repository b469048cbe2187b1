//! Norms: the library's, and tch's own.

use tch::nn;
use tch::{Kind, Tensor};

use super::super::RmsNorm;
use crate::error::{Result, Within};
use crate::graph::{Attribute, Value, ops, refused};

impl RmsNorm {
    /// x / sqrt(mean(x²) + eps) * g, by arithmetic.
    pub(crate) fn written(&self, x: &Value) -> Result<Value> {
        x.holds(false)?;
        let root = x.square()?.mean_over(&[-1], true)?.shifted(self.eps)?.root()?;
        let normal = x.over(&root)?;
        match &self.weight {
            Some(weight) => normal.times(&x.weight(weight)?),
            None => Ok(normal),
        }
    }
}

/// What is added to a variance by a norm of tch's, which keeps it to itself and shows it only as text.
fn eps(layer: &dyn std::fmt::Debug) -> Result<f64> {
    let text = format!("{layer:?}");
    let number =
        text.split_once("eps: ").and_then(|(_, rest)| rest.split([',', ' ', '}']).next()?.parse().ok());
    number.ok_or_else(|| refused("Norm", "does not say its eps"))
}

/// `LayerNormalization`.
pub fn layer_norm(layer: &nn::LayerNorm, x: &Value) -> Result<Value> {
    x.holds(false)?;
    let shape = layer.normalized_shape.as_slice();
    let numbers = |wish: &str, given: Option<&Tensor>| given.map(|given| x.numbers(wish, given));
    let scale = numbers("scale", layer.ws.as_ref());
    let scale =
        scale.unwrap_or_else(|| x.numbers("ones", &Tensor::ones(shape, (Kind::Float, tch::Device::Cpu))));
    let bias = numbers("shift", layer.bs.as_ref());
    let attributes =
        vec![("axis", Attribute::Int(-(shape.len() as i64))), ("epsilon", Attribute::Float(eps(layer)?))];
    let inputs: Vec<&Value> = [x, &scale].into_iter().chain(&bias).collect();
    Value::node("LayerNormalization", &inputs, attributes, x.axes().to_vec())
}

/// Each channel times a number and plus a number.
fn affine(x: &Value, scale: &Tensor, shift: &Tensor) -> Result<Value> {
    let mut shape = vec![1, -1];
    shape.resize(x.rank().max(2), 1);
    let of = |wish: &str, numbers: &Tensor| -> Result<Value> {
        Ok(x.numbers(wish, &numbers.f_reshape(&shape).within("Norm")?))
    };
    let scaled = ops::multiply_value(x, &of("scale", scale)?)?;
    ops::add(&scaled, &of("shift", shift)?)
}

/// What it comes to in evaluation: two numbers for each channel.
pub fn batch_norm(layer: &nn::BatchNorm, x: &Value) -> Result<Value> {
    x.holds(false)?;
    let double = |t: &Tensor| t.detach().to_kind(Kind::Double);
    let scale = (double(&layer.running_var) + eps(layer)?).rsqrt();
    let scale = layer.ws.as_ref().map_or_else(|| scale.copy(), |w| &scale * double(w));
    let shift = -double(&layer.running_mean) * &scale;
    let shift = layer.bs.as_ref().map_or_else(|| shift.copy(), |b| &shift + double(b));
    affine(x, &scale, &shift)
}

/// `InstanceNormalization` of the groups, each as one channel.
pub fn group_norm(layer: &nn::GroupNorm, x: &Value) -> Result<Value> {
    x.holds(false)?;
    let groups = layer.num_groups;
    let one = |wish: &str, value: f64| {
        x.numbers(wish, &Tensor::full([groups], value, (Kind::Float, tch::Device::Cpu)))
    };
    let grouped = x.reshaped(&[0, groups, -1])?;
    let attributes = vec![("epsilon", Attribute::Float(eps(layer)?))];
    let inputs = [&grouped, &one("ones", 1.0), &one("zeros", 0.0)];
    let normal = Value::node("InstanceNormalization", &inputs, attributes, grouped.axes().to_vec())?;
    let normal = Value::node("Reshape", &[&normal, &x.shape()?], vec![], x.axes().to_vec())?;
    match (&layer.ws, &layer.bs) {
        (Some(scale), Some(shift)) => affine(&normal, &scale.detach(), &shift.detach()),
        _ => Ok(normal),
    }
}
