//! Stochastic gradient descent with momentum (Polyak 1964) and Nesterov's form of it, as PyTorch has them.

use tch::Tensor;

use super::{Memory, Optimiser};
use crate::error::{Error, Result};

/// v <- momentum v + g; w <- w - learning_rate v, or with Nesterov's momentum w - learning_rate (g + momentum v).
///
/// ```
/// use illia_core::likelihood::Categorical;
/// use illia_core::{Fit, Sgd};
///
/// let fit = Fit::new(Categorical).optimiser(Sgd { nesterov: true, ..Sgd::default() }).learning_rate(0.01);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// The step size; 1e-2 by default.
    pub learning_rate: f64,
    /// How much of the last step goes on; 0.9 by default, 0 for none.
    pub momentum: f64,
    /// Whether the gradient looks ahead (Sutskever et al. 2013); false by default.
    pub nesterov: bool,
    /// Added to the gradient, times the weight; 0 by default.
    pub weight_decay: f64,
}

impl Default for Sgd {
    fn default() -> Self {
        Sgd { learning_rate: 1e-2, momentum: 0.9, nesterov: false, weight_decay: 0.0 }
    }
}

impl Optimiser for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn validate(&self) -> Result<()> {
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(Error::configuration("learning_rate", self.learning_rate, "a finite number above 0"));
        }
        if !(0.0..1.0).contains(&self.momentum) {
            return Err(Error::configuration("momentum", self.momentum, "from 0 to below 1"));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return Err(Error::configuration("weight_decay", self.weight_decay, "a finite number from 0"));
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// The velocity, which starts at 0: with the first gradient it is that gradient.
    fn slots(&self) -> &'static [&'static str] {
        &["velocity"]
    }

    fn step(&self, variable: &mut Tensor, gradient: &Tensor, memory: &mut Memory, learning_rate: f64) {
        memory.steps += 1;
        let [velocity] = memory.tensors.as_mut_slice() else { return };
        let mut gradient = gradient.to_kind(velocity.kind());
        if self.weight_decay > 0.0 {
            gradient += &*variable * self.weight_decay;
        }
        let _ = velocity.g_mul_scalar_(self.momentum).g_add_(&gradient);
        let by = if self.nesterov { gradient + &*velocity * self.momentum } else { velocity.shallow_clone() };
        *variable -= (by * learning_rate).to_kind(variable.kind());
    }
}
