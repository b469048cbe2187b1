//! Convolutions in one, two and three dimensions with random kernels.

use std::borrow::Borrow;

use tch::Tensor;
use tch::nn::Path;

use super::{fan_in, size, weight_and_bias, weight_and_bias_layer};
use crate::error::{Error, Result, fail_at};
use crate::parameter::{Estimator, InputUnits, Posterior, Prior, RandomParameter};
use crate::pass::LinearMap;
use crate::pass::patches::unfold;

/// One number for each spatial axis: from an integer (the same for all), an array or a tuple.
///
/// ```
/// use illia_core::nn::Size;
///
/// assert_eq!(Size::<2>::from(3), Size([3, 3]));
/// assert_eq!(Size::<2>::from((3, 5)), Size([3, 5]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size<const D: usize>(pub [i64; D]);

impl<const D: usize> From<i64> for Size<D> {
    fn from(n: i64) -> Self {
        Size([n; D])
    }
}

impl<const D: usize> From<[i64; D]> for Size<D> {
    fn from(sizes: [i64; D]) -> Self {
        Size(sizes)
    }
}

impl From<(i64, i64)> for Size<2> {
    fn from((height, width): (i64, i64)) -> Self {
        Size([height, width])
    }
}

impl From<(i64, i64, i64)> for Size<3> {
    fn from((depth, height, width): (i64, i64, i64)) -> Self {
        Size([depth, height, width])
    }
}

impl<const D: usize> Size<D> {
    /// Checks each number against a smallest one.
    pub(super) fn at_least(self, smallest: i64, name: &str) -> Result<()> {
        self.0.iter().try_for_each(|&n| super::size(name, n, smallest).map(drop))
    }
}

/// The settings of a [`Conv`] layer.
#[derive(Debug, Clone, Copy)]
pub struct ConvConfig<const D: usize> {
    /// The step of the kernel; 1 by default.
    pub stride: Size<D>,
    /// Zeros added on both sides; 0 by default.
    pub padding: Size<D>,
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

impl<const D: usize> Default for ConvConfig<D> {
    fn default() -> Self {
        ConvConfig {
            stride: Size([1; D]),
            padding: Size([0; D]),
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

/// A convolution over `D` spatial axes: `[batch, in, spatial..]` to `[batch, out, spatial..]`, the
/// batch axis optional.
///
/// ```
/// use illia_core::nn::{Conv2d, ConvConfig};
/// use tch::{Device, Kind, Tensor, nn, nn::Module};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let config = ConvConfig { padding: (1, 2).into(), ..Default::default() };
/// let layer = Conv2d::new(vs.root(), 3, 8, (3, 5), config);
/// let x = Tensor::ones([4, 3, 10, 12], (Kind::Float, Device::Cpu));
/// assert_eq!(layer.forward(&x).size(), [4, 8, 10, 12]);
/// ```
#[derive(Debug)]
pub struct Conv<const D: usize> {
    /// The kernel, `[out, in / groups, kernel..]`.
    pub weight: RandomParameter,
    /// `[out]`.
    pub bias: Option<RandomParameter>,
    /// How posterior and input become an output.
    pub estimator: Estimator,
    pub(super) config: ConvConfig<D>,
    pub(super) kernel: Size<D>,
    inputs: i64,
    pub(super) outputs: i64,
}

/// A convolution over `[batch, channels, length]`.
pub type Conv1d = Conv<1>;
/// A convolution over `[batch, channels, height, width]`.
pub type Conv2d = Conv<2>;
/// A convolution over `[batch, channels, depth, height, width]`.
pub type Conv3d = Conv<3>;

impl<const D: usize> Conv<D> {
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
        config: ConvConfig<D>,
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
        config: ConvConfig<D>,
    ) -> Result<Self> {
        let kernel = kernel.into();
        let ConvConfig { groups, bias, prior, bias_prior, posterior, estimator, .. } = config;
        kernel.at_least(1, "kernel")?;
        config.stride.at_least(1, "stride")?;
        config.padding.at_least(0, "padding")?;
        config.dilation.at_least(1, "dilation")?;
        size("inputs", inputs, 1)?;
        size("outputs", outputs, 1)?;
        if groups < 1 || inputs % groups != 0 || outputs % groups != 0 {
            let allowed = format!("a divisor of {inputs} and {outputs} channels");
            return Err(Error::configuration("groups", groups, &allowed));
        }
        let fan_in = fan_in(inputs / groups, kernel);
        let mut shape = vec![outputs, inputs / groups];
        shape.extend(kernel.0);
        let units = InputUnits { axis: 1, groups };
        let mut made =
            weight_and_bias(p, &shape, fan_in, outputs, bias, prior, bias_prior, posterior, units)?;
        made.weight.set_estimator(estimator);
        Ok(Conv { weight: made.weight, bias: made.bias, estimator, config, kernel, inputs, outputs })
    }

    /// `[batch, in, spatial..]` to `[batch, out, spatial..]`; without batch axis likewise.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of axes or channels, or an input smaller than the kernel.
    pub fn try_forward(&self, x: &Tensor) -> Result<Tensor> {
        let size = x.size();
        let channels = size.len().checked_sub(D + 1).and_then(|axis| size.get(axis));
        let spatial = size.iter().rev().take(D).rev();
        let fits = channels == Some(&self.inputs)
            && size.len() <= D + 2
            && spatial.zip(self.smallest_input()).all(|(&n, smallest)| n >= smallest);
        if !fits {
            let smallest: String = self.smallest_input().map(|n| format!(", {n} or more")).collect();
            let expected = format!("[batch, {}{smallest}]", self.inputs);
            return Err(Error::Shape { layer: Self::KIND.to_owned(), expected, given: size });
        }
        self.estimator.forward(self, x, &self.weight, self.bias.as_ref())
    }

    /// The kernel's extent less what the padding gives, for each spatial axis; at least 1.
    fn smallest_input(&self) -> impl Iterator<Item = i64> {
        let Size(padding) = self.config.padding;
        let Size(dilation) = self.config.dilation;
        let each = self.kernel.0.into_iter().zip(dilation).zip(padding);
        each.map(|((kernel, dilation), padding)| (dilation * (kernel - 1) + 1 - 2 * padding).max(1))
    }
}

impl<const D: usize> LinearMap for Conv<D> {
    const KIND: &'static str = match D {
        1 => "Conv1d",
        2 => "Conv2d",
        _ => "Conv3d",
    };

    fn example_rank(&self, _: &Tensor) -> usize {
        D + 1
    }

    fn feature_axis(&self) -> usize {
        D + 1
    }

    fn outputs(&self) -> i64 {
        self.outputs
    }

    fn map(&self, x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor, tch::TchError> {
        self.convolve(x, w, b, self.config.groups)
    }

    fn patches(&self, x: &Tensor) -> Result<Tensor, tch::TchError> {
        let ConvConfig { stride, padding, dilation, groups, .. } = self.config;
        let pad = padding.0.map(|n| (n, n));
        unfold(x, self.kernel.0, stride.0, dilation.0, pad, groups, false)
    }

    /// With one example for each draw, the draws are groups of one convolution.
    fn map_draws(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: Option<&Tensor>,
        rows: i64,
        shared: bool,
    ) -> Option<Result<Tensor, tch::TchError>> {
        let draws = w.size().first().copied()?;
        let mut shape = x.size();
        if rows != 1 || shape.len() != D + 2 {
            return None;
        }
        let (w, b) = (w.flatten(0, 1), b.map(|b| b.flatten(0, 1)));
        let (x, groups) = match self.config.groups {
            1 if shared => (x.shallow_clone(), 1),
            groups => {
                let x = if shared {
                    x.f_expand([draws].iter().chain(shape.get(1..)?).copied().collect::<Vec<_>>(), false)
                        .ok()?
                } else {
                    x.shallow_clone()
                };
                if let [batch, channels, ..] = shape.as_mut_slice() {
                    (*batch, *channels) = (1, draws * self.inputs);
                }
                (x.f_reshape(&shape).ok()?, draws * groups)
            }
        };
        let outputs = self.convolve(&x, &w, b.as_ref(), groups);
        Some(outputs.and_then(|outputs| {
            let mut shape = outputs.size();
            if let [batch, channels, ..] = shape.as_mut_slice() {
                (*batch, *channels) = (draws, self.outputs);
            }
            outputs.f_reshape(shape)
        }))
    }
}

impl<const D: usize> Conv<D> {
    fn convolve(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: Option<&Tensor>,
        groups: i64,
    ) -> Result<Tensor, tch::TchError> {
        let ConvConfig { stride, padding, dilation, .. } = self.config;
        let (stride, padding, dilation) = (&stride.0[..], &padding.0[..], &dilation.0[..]);
        match D {
            1 => x.f_conv1d(w, b, stride, padding, dilation, groups),
            2 => x.f_conv2d(w, b, stride, padding, dilation, groups),
            _ => x.f_conv3d(w, b, stride, padding, dilation, groups),
        }
    }
}

weight_and_bias_layer!([const D: usize] Conv<D>);
