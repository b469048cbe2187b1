//! y = x Wᵀ + b with random W and b.

use std::borrow::Borrow;

use tch::Tensor;
use tch::nn::Path;

use super::{size, weight_and_bias, weight_and_bias_layer};
use crate::error::{Error, Result, fail_at};
use crate::parameter::{Estimator, InputUnits, Posterior, Prior, RandomParameter};
use crate::pass::LinearMap;

/// The settings of a [`Linear`] layer.
#[derive(Debug, Clone, Copy)]
pub struct LinearConfig {
    /// Whether there is a bias; true by default.
    pub bias: bool,
    /// The prior of weight and bias.
    pub prior: Prior,
    /// The bias's prior, if another one.
    pub bias_prior: Option<Prior>,
    /// The posterior of weight and bias.
    pub posterior: Posterior,
    /// How posterior and input become an output.
    pub estimator: Estimator,
}

impl Default for LinearConfig {
    fn default() -> Self {
        LinearConfig {
            bias: true,
            prior: Prior::default(),
            bias_prior: None,
            posterior: Posterior::default(),
            estimator: Estimator::default(),
        }
    }
}

/// y = x Wᵀ + b on the last axis: `[.., in]` to `[.., out]`.
///
/// ```
/// use illia_core::nn::{Linear, LinearConfig};
/// use tch::{Device, Kind, Tensor, nn, nn::Module};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let layer = Linear::new(vs.root() / "fc", 5, 3, LinearConfig::default());
/// let x = Tensor::ones([4, 5], (Kind::Float, Device::Cpu));
/// assert_eq!(layer.forward(&x).size(), [4, 3]);
/// ```
#[derive(Debug)]
pub struct Linear {
    /// W, `[out, in]`.
    pub weight: RandomParameter,
    /// b, `[out]`.
    pub bias: Option<RandomParameter>,
    /// How posterior and input become an output.
    pub estimator: Estimator,
    inputs: i64,
    pub(super) outputs: i64,
}

impl Linear {
    /// A layer from `inputs` to `outputs` features.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(p: impl Borrow<Path<'a>>, inputs: i64, outputs: i64, config: LinearConfig) -> Self {
        let p = p.borrow();
        Self::try_new(p, inputs, outputs, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// A layer from `inputs` to `outputs` features.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a size below 1 or a distribution's number outside of its range.
    pub fn try_new<'a>(
        p: impl Borrow<Path<'a>>,
        inputs: i64,
        outputs: i64,
        config: LinearConfig,
    ) -> Result<Self> {
        let LinearConfig { bias, prior, bias_prior, posterior, estimator } = config;
        let shape = [size("outputs", outputs, 1)?, size("inputs", inputs, 1)?];
        let units = InputUnits::default();
        let mut made =
            weight_and_bias(p, &shape, inputs, outputs, bias, prior, bias_prior, posterior, units)?;
        made.weight.set_estimator(estimator);
        Ok(Linear { weight: made.weight, bias: made.bias, estimator, inputs, outputs })
    }

    /// `[.., in]` to `[.., out]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the last axis is not `in`.
    pub fn try_forward(&self, x: &Tensor) -> Result<Tensor> {
        if x.size().last() != Some(&self.inputs) {
            let expected = format!("[.., {}]", self.inputs);
            return Err(Error::Shape { layer: Self::KIND.to_owned(), expected, given: x.size() });
        }
        self.estimator.forward(self, x, &self.weight, self.bias.as_ref())
    }
}

impl LinearMap for Linear {
    const KIND: &'static str = "Linear";

    fn example_rank(&self, input: &Tensor) -> usize {
        input.dim().saturating_sub(1).max(1)
    }

    fn feature_axis(&self) -> usize {
        1
    }

    fn outputs(&self) -> i64 {
        self.outputs
    }

    fn map(&self, x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor, tch::TchError> {
        x.f_linear(w, b)
    }

    fn patches(&self, x: &Tensor) -> Result<Tensor, tch::TchError> {
        let batch = if x.dim() < 2 { 1 } else { x.size().first().copied().unwrap_or(1) };
        x.f_reshape([batch, 1, -1, self.inputs])
    }

    fn map_draws(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: Option<&Tensor>,
        rows: i64,
        shared: bool,
    ) -> Option<Result<Tensor, tch::TchError>> {
        // Other ranks have their rows elsewhere, other kinds have no product; a failing `baddbmm` would panic in the drop of tch's scalars.
        if x.dim() != 2 || x.kind() != w.kind() {
            return None;
        }
        let one = |x: Tensor| match b {
            Some(b) => b.unsqueeze(1).f_baddbmm(&x, &w.transpose(1, 2), 1, 1),
            None => x.f_bmm(&w.transpose(1, 2)),
        };
        let draws = w.size().first().copied().unwrap_or(1);
        let each = match shared {
            true => x.f_unsqueeze(0).and_then(|x| x.f_expand([draws, rows, self.inputs], false)),
            false => x.f_reshape([draws, rows, self.inputs]),
        };
        let all = each.and_then(one);
        Some(all.map(|outputs| outputs.flatten(0, 1)))
    }
}

weight_and_bias_layer!([] Linear);
