//! Adam with decoupled weight decay (Loshchilov & Hutter 2019, algorithm 2).

use tch::Tensor;

use super::{Adam, Memory, Moments, Optimiser, PosteriorStep};
use crate::error::{Error, Result};

/// Adam that also shrinks weights by `learning_rate * weight_decay` of themselves at each step: plain weights, points and
/// means, never rho. Under a random parameter's prior that is a second prior; it is for nets that have no KL.
///
/// ```
/// use illia_core::likelihood::Categorical;
/// use illia_core::{AdamW, Fit};
///
/// let fit = Fit::new(Categorical).optimiser(AdamW { weight_decay: 0.05, ..AdamW::default() }).learning_rate(0.01);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Adam's own settings.
    pub adam: Adam,
    /// The decay; 1e-2 by default.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        AdamW { adam: Adam::default(), weight_decay: 1e-2 }
    }
}

impl AdamW {
    fn decay(&self, variable: &Tensor, learning_rate: f64) {
        let _ = variable.shallow_clone().g_mul_scalar_(1.0 - learning_rate * self.weight_decay);
    }
}

impl Optimiser for AdamW {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn validate(&self) -> Result<()> {
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return Err(Error::configuration("weight_decay", self.weight_decay, "a finite number from 0"));
        }
        self.adam.validate()
    }

    fn learning_rate(&self) -> f64 {
        self.adam.learning_rate
    }

    fn slots(&self) -> &'static [&'static str] {
        self.adam.slots()
    }

    fn moments(&self, memory: &Memory) -> Option<Moments> {
        self.adam.moments(memory)
    }

    fn step(&self, variable: &mut Tensor, gradient: &Tensor, memory: &mut Memory, learning_rate: f64) {
        self.decay(variable, learning_rate);
        self.adam.step(variable, gradient, memory, learning_rate);
    }

    fn step_posterior(&self, posterior: &mut PosteriorStep<'_>) -> bool {
        // After the step rather than before it, so that nothing is done where there is no fused step.
        let [learning_rate, _] = posterior.learning_rates;
        let done = self.adam.step_posterior(posterior);
        if done {
            self.decay(posterior.parameter.mu(), learning_rate);
        }
        done
    }
}
