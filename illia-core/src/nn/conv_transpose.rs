//! Transposed convolutions with random kernels: what a decoder grows images with.

use std::array::from_fn;
use std::borrow::Borrow;

use illia_shape::Axis;
use tch::Tensor;
use tch::nn::Path;

use super::{Size, fan_in, size, weight_and_bias, weight_and_bias_layer};
use crate::error::{Error, Result, fail_at};
use crate::module::Count;
use crate::parameter::{Estimator, InputUnits, Posterior, Prior, RandomParameter};
use crate::pass::LinearMap;
use crate::pass::patches::{spread, unfold};

/// The settings of a [`ConvTranspose`] layer.
#[derive(Debug, Clone, Copy)]
pub struct ConvTransposeConfig<const D: usize> {
    /// The step between the inputs' contributions; 1 by default.
    pub stride: Size<D>,
    /// What is cut off both sides of the output; 0 by default.
    pub padding: Size<D>,
    /// What is added to one side of the output; 0 by default, below stride or dilation.
    pub output_padding: Size<D>,
    /// The distance of the kernel's points; 1 by default.
    pub dilation: Size<D>,
    /// How many groups the channels are split into; 1 by default.
    pub groups: i64,
    /// Whether there is a bias; true by default.
    pub bias: bool,
    /// The prior of kernel and bias.
    pub prior: Prior,
    /// The bias's prior, if another one.
    pub bias_prior: Option<Prior>,
    /// The posterior of kernel and bias.
    pub posterior: Posterior,
    /// How posterior and input become an output.
    pub estimator: Estimator,
}

impl<const D: usize> Default for ConvTransposeConfig<D> {
    fn default() -> Self {
        ConvTransposeConfig {
            stride: Size([1; D]),
            padding: Size([0; D]),
            output_padding: Size([0; D]),
            dilation: Size([1; D]),
            groups: 1,
            bias: true,
            prior: Prior::default(),
            bias_prior: None,
            posterior: Posterior::default(),
            estimator: Estimator::default(),
        }
    }
}

/// A transposed convolution over `D` spatial axes: `[batch, in, spatial..]` to
/// `[batch, out, spatial..]`, each length `n` becoming
/// `(n - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1`.
///
/// ```
/// use illia_core::nn::{ConvTranspose2d, ConvTransposeConfig};
/// use tch::{Device, Kind, Tensor, nn, nn::Module};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let config = ConvTransposeConfig { stride: 2.into(), ..Default::default() };
/// let layer = ConvTranspose2d::new(vs.root(), 8, 3, 2, config);
/// assert_eq!(layer.forward(&Tensor::ones([4, 8, 5, 6], (Kind::Float, Device::Cpu))).size(), [4, 3, 10, 12]);
/// ```
#[derive(Debug)]
pub struct ConvTranspose<const D: usize> {
    /// The kernel, `[in, out / groups, kernel..]`.
    pub weight: RandomParameter,
    /// `[out]`.
    pub bias: Option<RandomParameter>,
    /// How posterior and input become an output.
    pub estimator: Estimator,
    pub(super) config: ConvTransposeConfig<D>,
    pub(super) kernel: Size<D>,
    inputs: i64,
    pub(super) outputs: i64,
}

/// A transposed convolution over `[batch, channels, length]`.
pub type ConvTranspose1d = ConvTranspose<1>;
/// A transposed convolution over `[batch, channels, height, width]`.
pub type ConvTranspose2d = ConvTranspose<2>;
/// A transposed convolution over `[batch, channels, depth, height, width]`.
pub type ConvTranspose3d = ConvTranspose<3>;

impl<const D: usize> ConvTranspose<D> {
    /// A layer from `inputs` to `outputs` channels.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(
        p: impl Borrow<Path<'a>>,
        inputs: i64,
        outputs: i64,
        kernel: impl Into<Size<D>>,
        config: ConvTransposeConfig<D>,
    ) -> Self {
        let p = p.borrow();
        Self::try_new(p, inputs, outputs, kernel, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// A layer from `inputs` to `outputs` channels.
    ///
    /// # Errors
    /// [`Error::Configuration`] for sizes that make no convolution, groups that don't divide the
    /// channels, or a distribution's number outside of its range.
    pub fn try_new<'a>(
        p: impl Borrow<Path<'a>>,
        inputs: i64,
        outputs: i64,
        kernel: impl Into<Size<D>>,
        config: ConvTransposeConfig<D>,
    ) -> Result<Self> {
        let kernel = kernel.into();
        let ConvTransposeConfig { groups, bias, prior, bias_prior, posterior, estimator, .. } = config;
        kernel.at_least(1, "kernel")?;
        config.stride.at_least(1, "stride")?;
        config.padding.at_least(0, "padding")?;
        config.output_padding.at_least(0, "output_padding")?;
        config.dilation.at_least(1, "dilation")?;
        let steps = config.stride.0.into_iter().zip(config.dilation.0);
        if config.output_padding.0.into_iter().zip(steps).any(|(added, (s, d))| added >= s.max(d)) {
            let value = format!("{:?}", config.output_padding.0);
            return Err(Error::configuration("output_padding", value, "below the stride or the dilation"));
        }
        size("inputs", inputs, 1)?;
        size("outputs", outputs, 1)?;
        if groups < 1 || inputs % groups != 0 || outputs % groups != 0 {
            let allowed = format!("a divisor of {inputs} and {outputs} channels");
            return Err(Error::configuration("groups", groups, &allowed));
        }
        // libtorch's own fan in of such a kernel: its second axis and the kernel's points.
        let fan_in = fan_in(outputs / groups, kernel);
        let mut shape = vec![inputs, outputs / groups];
        shape.extend(kernel.0);
        let units = InputUnits { axis: 0, groups: 1 };
        let mut made =
            weight_and_bias(p, &shape, fan_in, outputs, bias, prior, bias_prior, posterior, units)?;
        made.weight.set_estimator(estimator);
        Ok(ConvTranspose { weight: made.weight, bias: made.bias, estimator, config, kernel, inputs, outputs })
    }

    /// `[batch, in, spatial..]` to `[batch, out, spatial..]`; without batch axis likewise.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of axes or channels; [`Error::Torch`] if no output is left.
    pub fn try_forward(&self, x: &Tensor) -> Result<Tensor> {
        let size = x.size();
        let channels = size.len().checked_sub(D + 1).and_then(|axis| size.get(axis));
        if channels != Some(&self.inputs) || size.len() > D + 2 {
            let expected = format!("[batch, {}{}]", self.inputs, ", ..".repeat(D));
            return Err(Error::Shape { layer: Self::KIND.to_owned(), expected, given: size });
        }
        self.estimator.forward(self, x, &self.weight, self.bias.as_ref())
    }
}

impl<const D: usize> LinearMap for ConvTranspose<D> {
    const KIND: &'static str = match D {
        1 => "ConvTranspose1d",
        2 => "ConvTranspose2d",
        _ => "ConvTranspose3d",
    };
    const TRANSPOSED: bool = true;

    fn example_rank(&self, _: &Tensor) -> usize {
        D + 1
    }

    fn feature_axis(&self) -> usize {
        D + 1
    }

    fn outputs(&self) -> i64 {
        self.outputs
    }

    /// The places are the input's, from which the output's were made.
    fn places(&self, output: &[Axis]) -> Option<Count> {
        let (before, spatial) = output.split_at_checked(output.len().checked_sub(D)?)?;
        let (_, before) = before.split_last()?;
        let ConvTransposeConfig { stride, padding, output_padding, dilation, .. } = self.config;
        let inputs = (0..D).map(|i| {
            let reach = dilation.0.get(i)? * (self.kernel.0.get(i)? - 1) + 1;
            let more = reach + output_padding.0.get(i)? - 2 * padding.0.get(i)? - stride.0.get(i)?;
            spatial.get(i)?.unscaled(*stride.0.get(i)?, more)
        });
        let inputs: Vec<Axis> = inputs.collect::<Option<_>>()?;
        Some(Count::product(before.iter().copied().chain(inputs)))
    }

    fn map(&self, x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor, tch::TchError> {
        let ConvTransposeConfig { stride, padding, output_padding, dilation, groups, .. } = self.config;
        let (stride, padding) = (&stride.0[..], &padding.0[..]);
        let (output_padding, dilation) = (&output_padding.0[..], &dilation.0[..]);
        match D {
            1 => x.f_conv_transpose1d(w, b, stride, padding, output_padding, groups, dilation),
            2 => x.f_conv_transpose2d(w, b, stride, padding, output_padding, groups, dilation),
            _ => x.f_conv_transpose3d(w, b, stride, padding, output_padding, groups, dilation),
        }
    }

    /// A convolution with the kernel the other way round, over the inputs spread by the stride.
    fn patches(&self, x: &Tensor) -> Result<Tensor, tch::TchError> {
        let ConvTransposeConfig { stride, padding, output_padding, dilation, groups, .. } = self.config;
        let reach: [i64; D] = from_fn(|axis| {
            let each = (dilation.0.get(axis), self.kernel.0.get(axis), padding.0.get(axis));
            let (Some(dilation), Some(kernel), Some(padding)) = each else { return 0 };
            dilation * (kernel - 1) - padding
        });
        let pad = from_fn(|axis| {
            let reach = reach.get(axis).copied().unwrap_or(0);
            (reach, reach + output_padding.0.get(axis).copied().unwrap_or(0))
        });
        unfold(&spread(x, stride.0)?, self.kernel.0, [1; D], dilation.0, pad, groups, true)
    }
}

weight_and_bias_layer!([const D: usize] ConvTranspose<D>);

#[cfg(test)]
mod tests {
    use tch::nn::VarStore;
    use tch::{Device, Kind};

    use super::*;
    use crate::parameter::Posterior;

    #[test]
    fn dropout_as_a_posterior_drops_input_channels() {
        crate::manual_seed(1);
        let vs = VarStore::new(Device::Cpu);
        let config = ConvTransposeConfig { posterior: Posterior::dropout(0.5), ..Default::default() };
        let layer = ConvTranspose1d::new(vs.root(), 64, 3, 2, config);
        let weights = layer.weight.draw().weights().copy();
        let dropped =
            weights.eq(0.0).to_kind(Kind::Int64).sum_dim_intlist([1i64, 2].as_slice(), false, Kind::Int64);
        // Each input channel has 3 * 2 weights: all of them go, or none.
        let whole = dropped.eq(0).logical_or(&dropped.eq(6));
        assert_eq!(whole.all().int64_value(&[]), 1, "{dropped:?}");
        let share = dropped.eq(6).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]);
        // 64 coins: four standard deviations are 4 * 0.5 / 8.
        assert!((share - 0.5).abs() < 0.25, "{share}");
    }
}
