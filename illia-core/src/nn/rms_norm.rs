//! Root-mean-square normalisation (Zhang & Sennrich 2019, equation 4): y = x / sqrt(mean(x²) + eps) * g over the last axis.

use std::borrow::Borrow;

use tch::Tensor;
use tch::nn::{Init, Module, Path};

use super::graph::one_to_one;
use super::{element_by_element, shows, size};
use crate::error::{Error, Result, Within, fail, fail_at};
use crate::graph::Value;
use crate::module::BayesianModule;
use crate::parameter::{Posterior, Prior, RandomParameter};
use crate::pass::Use;

/// The settings of an [`RmsNorm`].
#[derive(Debug, Clone, Copy)]
pub struct RmsNormConfig {
    /// What is added to the mean square; 1e-5 by default.
    pub eps: f64,
    /// Whether there is a gain for each feature; true by default.
    pub affine: bool,
    /// The gain's prior, where the posterior is random.
    pub prior: Prior,
    /// The gain's posterior, a plain weight by default. Whatever it says of where mu starts, that is 1.
    pub posterior: Posterior,
}

impl Default for RmsNormConfig {
    fn default() -> Self {
        let posterior = Posterior::Plain { init: Init::Const(1.0) };
        RmsNormConfig { eps: 1e-5, affine: true, prior: Prior::default(), posterior }
    }
}

/// `[.., features]` to the same, of root mean square 1 before the gain.
///
/// ```
/// use illia_core::nn::RmsNorm;
/// use tch::{Device, Kind, Tensor, nn, nn::Module};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let norm = RmsNorm::new(vs.root() / "norm", 2, Default::default());
/// let y = norm.forward(&Tensor::from_slice(&[3f32, -3.0]).view([1, 2]));
/// assert!((y.double_value(&[0, 0]) - 1.0).abs() < 1e-5);
/// ```
#[derive(Debug)]
pub struct RmsNorm {
    /// g, `[features]`.
    pub weight: Option<RandomParameter>,
    features: i64,
    pub(super) eps: f64,
}

impl RmsNorm {
    /// A norm over `features` features.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(p: impl Borrow<Path<'a>>, features: i64, config: RmsNormConfig) -> Self {
        let p = p.borrow();
        Self::try_new(p, features, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// A norm over `features` features.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a size below 1, or a number outside of its range.
    pub fn try_new<'a>(p: impl Borrow<Path<'a>>, features: i64, config: RmsNormConfig) -> Result<Self> {
        let RmsNormConfig { eps, affine, prior, posterior } = config;
        let shape = [size("features", features, 1)?];
        if !eps.is_finite() || eps < 0.0 {
            return Err(Error::configuration("eps", eps, "a finite number, at least 0"));
        }
        let gain = || {
            let posterior = posterior.starting_at(Init::Const(1.0));
            let mut gain = RandomParameter::new(p.borrow(), "weight", &shape, features, prior, posterior)?;
            gain.set_noted();
            Ok::<_, Error>(gain)
        };
        Ok(RmsNorm { weight: affine.then(gain).transpose()?, features, eps })
    }

    /// `[.., features]` to the same.
    ///
    /// # Errors
    /// [`Error::Shape`] if the last axis is not `features`.
    pub fn try_forward(&self, x: &Tensor) -> Result<Tensor> {
        if x.size().last() != Some(&self.features) {
            let expected = format!("[.., {}]", self.features);
            return Err(Error::Shape { layer: "RmsNorm".to_owned(), expected, given: x.size() });
        }
        if let Some(weight) = self.weight.as_ref().filter(|weight| weight.is_recorded()) {
            // Each feature is a group of one input and one output.
            let normal = x.f_rms_norm(self.features, None::<Tensor>, self.eps).within("RmsNorm")?;
            let output = normal.f_mul(&weight.centre()).within("RmsNorm")?;
            let the_use = Use { kind: "RmsNorm", weight, bias: None, feature_axis: 1, transposed: false };
            let batch = x.size().first().copied().unwrap_or(1);
            return the_use.note(output, || {
                normal.detach().f_reshape([batch, -1, self.features, 1])?.f_permute([0, 2, 1, 3])
            });
        }
        let draw = self.weight.as_ref().map(RandomParameter::draw);
        x.f_rms_norm(self.features, draw.as_ref().map(|draw| draw.weights()), self.eps).within("RmsNorm")
    }
}

impl BayesianModule for RmsNorm {
    shows!(weight);
    element_by_element!();
    fn try_forward_module(&self, x: &Tensor, _: bool) -> Option<Result<Tensor>> {
        Some(self.try_forward(x))
    }
    fn per_example(&self) -> bool {
        true
    }
    fn in_graph(&self, inputs: &[&Value]) -> Option<Result<Vec<Value>>> {
        Some(one_to_one(inputs, |x| self.written(x)))
    }
}

impl Module for RmsNorm {
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    fn forward(&self, x: &Tensor) -> Tensor {
        self.try_forward(x).unwrap_or_else(|error| fail(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, nn::VarStore};

    #[test]
    fn it_is_the_formula_times_a_gain_that_may_be_random() {
        let vs = VarStore::new(Device::Cpu);
        let x = Tensor::randn([3, 4, 5], (Kind::Float, Device::Cpu));
        let plain = RmsNorm::new(vs.root() / "plain", 5, RmsNormConfig::default());
        let want = &x / (x.square().mean_dim(-1i64, true, None::<Kind>) + 1e-5).sqrt();
        assert!(plain.forward(&x).allclose(&want, 1e-5, 1e-6, false));
        assert!(plain.kl_cost().num_params == 0 && vs.variables().contains_key("plain.weight"));
        let config = RmsNormConfig { posterior: Posterior::default(), ..Default::default() };
        let mut random = RmsNorm::new(vs.root() / "random", 5, config);
        random.freeze();
        let gain = random.weight.as_ref().unwrap().draw().weights().copy();
        assert!(random.forward(&x).allclose(&(want * gain), 1e-5, 1e-6, false));
        assert_eq!(random.kl_cost().num_params, 5);
    }
}
