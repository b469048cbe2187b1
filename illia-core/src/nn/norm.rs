//! Normalisation with a random gain g and shift b: y = (x - mean) / sqrt(variance + eps) * g + b, over the features of each example
//! (Ba, Kiros & Hinton 2016, equation 4), or of each channel over the batch (Ioffe & Szegedy 2015, algorithm 1).

use std::borrow::Borrow;

use tch::nn::{Init, ModuleT, Path};
use tch::{TchError, Tensor};

use super::{element_by_element, shows, size};
use crate::error::{Error, Result, Within, fail, fail_at};
use crate::module::{BayesianModule, Visitor, VisitorMut};
use crate::parameter::{Posterior, Prior, RandomParameter};
use crate::pass::Use;

/// The settings of a [`LayerNorm`] or a [`BatchNorm`].
#[derive(Debug, Clone, Copy)]
pub struct NormConfig {
    /// What is added to the variance; 1e-5 by default.
    pub eps: f64,
    /// The weight of the newest batch in a [`BatchNorm`]'s running statistics; 0.1 by default.
    pub momentum: f64,
    /// The prior of gain and shift.
    pub prior: Prior,
    /// The posterior of gain and shift. Whatever it says of where mu starts, that is 1 for the gain and 0 for the shift.
    pub posterior: Posterior,
}

impl Default for NormConfig {
    fn default() -> Self {
        NormConfig { eps: 1e-5, momentum: 0.1, prior: Prior::default(), posterior: Posterior::default() }
    }
}

/// Gain and shift, a number each for every feature.
#[derive(Debug)]
struct Affine {
    weight: RandomParameter,
    bias: RandomParameter,
}

impl Affine {
    fn new(p: &Path<'_>, features: i64, config: &NormConfig) -> Result<Affine> {
        for (name, value) in [("eps", config.eps), ("momentum", config.momentum)] {
            if !value.is_finite() || value < 0.0 {
                return Err(Error::configuration(name, value, "a finite number, at least 0"));
            }
        }
        let features = size("features", features, 1)?;
        let parameter = |name: &str, start: f64| {
            let posterior = config.posterior.starting_at(Init::Const(start));
            let mut parameter = RandomParameter::new(p, name, &[features], 1, config.prior, posterior)?;
            parameter.set_noted();
            Ok::<_, Error>(parameter)
        };
        Ok(Affine { weight: parameter("weight", 1.0)?, bias: parameter("bias", 0.0)? })
    }

    fn features(&self) -> i64 {
        self.weight.mu().size().first().copied().unwrap_or(1)
    }

    /// What `norm` makes of x with this gain and shift; the features are at `axis`.
    fn forward(
        &self,
        kind: &'static str,
        x: &Tensor,
        axis: usize,
        norm: impl Fn(Option<&Tensor>, Option<&Tensor>) -> Result<Tensor, TchError>,
    ) -> Result<Tensor> {
        if x.size().get(axis) != Some(&self.features()) {
            let features = self.features();
            let expected =
                if axis == 1 { format!("[batch, {features}, ..]") } else { format!("[.., {features}]") };
            return Err(Error::Shape { layer: kind.to_owned(), expected, given: x.size() });
        }
        if !self.weight.is_recorded() && !self.bias.is_recorded() {
            let (weight, bias) = (self.weight.draw(), self.bias.draw());
            return norm(Some(weight.weights()), Some(bias.weights())).within(kind);
        }
        // Each feature is a group of one input and one output.
        let normal = norm(None, None).within(kind)?;
        let along = |values: &Tensor| {
            let shape: Vec<i64> = (0..x.dim()).map(|i| if i == axis { self.features() } else { 1 }).collect();
            values.f_view(shape.as_slice())
        };
        let output = along(&self.weight.centre())
            .and_then(|gain| normal.f_mul(&gain))
            .and_then(|scaled| scaled.f_add(&along(&self.bias.centre())?))
            .within(kind)?;
        let the_use = Use {
            kind,
            weight: &self.weight,
            bias: Some(&self.bias),
            feature_axis: x.dim() - axis,
            transposed: false,
        };
        let batch = x.size().first().copied().unwrap_or(1);
        the_use.note(output, || {
            let last = normal.detach().movedim_int(axis as i64, -1);
            last.f_reshape([batch, -1, self.features(), 1])?.f_permute([0, 2, 1, 3])
        })
    }

    shows!(weight, bias);
}

/// `[.., features]` to the same.
///
/// ```
/// use illia_core::nn::LayerNorm;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let norm = LayerNorm::new(vs.root() / "norm", 4, Default::default());
/// let y = norm.try_forward(&Tensor::arange(4, (Kind::Float, Device::Cpu)).view([1, 4]))?;
/// assert!(y.mean(Kind::Float).double_value(&[]).abs() < 0.1, "a gain near 1, a shift near 0");
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct LayerNorm {
    affine: Affine,
    eps: f64,
}

impl LayerNorm {
    /// A norm over `features` features.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(p: impl Borrow<Path<'a>>, features: i64, config: NormConfig) -> Self {
        let p = p.borrow();
        Self::try_new(p, features, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// A norm over `features` features.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a size below 1, or a number outside of its range.
    pub fn try_new<'a>(p: impl Borrow<Path<'a>>, features: i64, config: NormConfig) -> Result<Self> {
        Ok(LayerNorm { affine: Affine::new(p.borrow(), features, &config)?, eps: config.eps })
    }

    /// g, `[features]`.
    pub fn weight(&self) -> &RandomParameter {
        &self.affine.weight
    }

    /// b, `[features]`.
    pub fn bias(&self) -> &RandomParameter {
        &self.affine.bias
    }

    /// `[.., features]` to the same.
    ///
    /// # Errors
    /// [`Error::Shape`] if the last axis is not `features`.
    pub fn try_forward(&self, x: &Tensor) -> Result<Tensor> {
        let last = x.dim().saturating_sub(1);
        self.affine.forward("LayerNorm", x, last, |gain, shift| {
            x.f_layer_norm(self.affine.features(), gain, shift, self.eps, true)
        })
    }
}

/// `[batch, channels, ..]` to the same: by the batch's statistics in training, else by the running ones.
///
/// ```
/// use illia_core::nn::BatchNorm;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let norm = BatchNorm::new(vs.root() / "norm", 3, Default::default());
/// let x = Tensor::randn([8, 3, 5, 5], (Kind::Float, Device::Cpu));
/// assert_eq!(norm.try_forward_t(&x, true)?.size(), [8, 3, 5, 5]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct BatchNorm {
    affine: Affine,
    /// The running mean of each channel, `[channels]`.
    pub running_mean: Tensor,
    /// The running variance of each channel, `[channels]`.
    pub running_var: Tensor,
    eps: f64,
    momentum: f64,
}

impl BatchNorm {
    /// A norm over `channels` channels.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(p: impl Borrow<Path<'a>>, channels: i64, config: NormConfig) -> Self {
        let p = p.borrow();
        Self::try_new(p, channels, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// A norm over `channels` channels.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a size below 1, or a number outside of its range.
    pub fn try_new<'a>(p: impl Borrow<Path<'a>>, channels: i64, config: NormConfig) -> Result<Self> {
        let p = p.borrow();
        Ok(BatchNorm {
            affine: Affine::new(p, channels, &config)?,
            running_mean: p.f_zeros_no_train("running_mean", &[channels])?,
            running_var: p.f_ones_no_train("running_var", &[channels])?,
            eps: config.eps,
            momentum: config.momentum,
        })
    }

    /// g, `[channels]`.
    pub fn weight(&self) -> &RandomParameter {
        &self.affine.weight
    }

    /// b, `[channels]`.
    pub fn bias(&self) -> &RandomParameter {
        &self.affine.bias
    }

    /// `[batch, channels, ..]` to the same.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of channels; [`Error::Torch`] for a batch of one number a channel in training.
    pub fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        self.affine.forward("BatchNorm", x, 1, |gain, shift| {
            let (mean, var) = (Some(&self.running_mean), Some(&self.running_var));
            x.f_batch_norm(gain, shift, mean, var, train, self.momentum, self.eps, true)
        })
    }
}

impl BayesianModule for LayerNorm {
    element_by_element!();
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
        self.affine.visit(visitor);
    }
    fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
        self.affine.visit_mut(visitor);
    }
    fn try_forward_module(&self, x: &Tensor, _: bool) -> Option<Result<Tensor>> {
        Some(self.try_forward(x))
    }
    fn per_example(&self) -> bool {
        true
    }
}

impl BayesianModule for BatchNorm {
    element_by_element!();
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
        self.affine.visit(visitor);
    }
    fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
        self.affine.visit_mut(visitor);
    }
    fn try_forward_module(&self, x: &Tensor, train: bool) -> Option<Result<Tensor>> {
        Some(self.try_forward_t(x, train))
    }
    fn per_example(&self) -> bool {
        true
    }
}

impl ModuleT for LayerNorm {
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    fn forward_t(&self, x: &Tensor, _: bool) -> Tensor {
        self.try_forward(x).unwrap_or_else(|error| fail(error))
    }
}

impl ModuleT for BatchNorm {
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward_t` is an error.
    fn forward_t(&self, x: &Tensor, train: bool) -> Tensor {
        self.try_forward_t(x, train).unwrap_or_else(|error| fail(error))
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, nn};

    use super::*;

    const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

    #[test]
    fn at_gain_1_and_shift_0_they_are_tchs() {
        let vs = nn::VarStore::new(Device::Cpu);
        let (mut layer, mut batch) = (
            LayerNorm::new(vs.root() / "l", 6, NormConfig::default()),
            BatchNorm::new(vs.root() / "b", 3, NormConfig::default()),
        );
        layer.freeze_at_mean();
        batch.freeze_at_mean();
        let x = Tensor::randn([4, 3, 6], FLOAT) * 2.0 + 1.0;
        let theirs = nn::layer_norm(vs.root() / "tl", vec![6], Default::default());
        assert!(layer.forward_t(&x, true).allclose(&theirs.forward_t(&x, true), 1e-5, 1e-6, false));
        let config = nn::BatchNormConfig { ws_init: Init::Const(1.0), ..Default::default() };
        let theirs = nn::batch_norm1d(vs.root() / "tb", 3, config);
        for train in [false, true, false] {
            assert!(batch.forward_t(&x, train).allclose(&theirs.forward_t(&x, train), 1e-5, 1e-6, false));
        }
        assert_eq!(batch.running_var, theirs.running_var);
        assert_eq!(batch.kl_cost().num_params, 6);
    }

    /// y = n (m + s e) + b with e a standard normal: over draws, the standard deviation of y is that of the gain times |n|.
    #[test]
    fn the_spread_of_the_output_is_that_of_gain_and_shift() {
        crate::manual_seed(4);
        let vs = nn::VarStore::new(Device::Cpu);
        let posterior = Posterior::Gaussian { mu: Init::Const(7.0), rho: Init::Const(0.0) };
        let layer = LayerNorm::new(vs.root(), 4, NormConfig { posterior, ..Default::default() });
        assert_eq!(layer.weight().mu(), &Tensor::ones([4], FLOAT));
        let x = Tensor::from_slice(&[1f32, -2.0, 0.5, 3.0]).view([1, 4]);
        let normal = x.layer_norm([4], None::<Tensor>, None::<Tensor>, 1e-5, true);
        let n = 4000;
        let draws: Vec<Tensor> = (0..n).map(|_| tch::no_grad(|| layer.forward_t(&x, true))).collect();
        let std = Tensor::stack(&draws, 0).std_dim([0i64].as_slice(), true, false);
        let expected = (normal.square() + 1.0).sqrt() * 2f64.ln();
        // A standard deviation of n normals has the relative error 1 / sqrt(2 n).
        let off = (std / expected - 1.0).abs().max().double_value(&[]);
        assert!(off < 5.0 / f64::from(2 * n).sqrt(), "{off}");
    }
}
