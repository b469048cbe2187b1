//! Adam over every variable of a model, plain or random.

use std::collections::HashMap;

use tch::Tensor;

use crate::error::{Error, Result};

/// The settings of Adam (Kingma & Ba 2015, algorithm 1), PyTorch's defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// The step size; 1e-3 by default.
    pub learning_rate: f64,
    /// The decay of the mean gradient; 0.9 by default.
    pub beta1: f64,
    /// The decay of the mean squared gradient; 0.999 by default.
    pub beta2: f64,
    /// What keeps the division finite; 1e-8 by default.
    pub eps: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Adam { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8 }
    }
}

impl Adam {
    /// Checks that every number lies where the method is defined.
    ///
    /// # Errors
    /// [`Error::Configuration`] names the first number that does not.
    pub fn validate(&self) -> Result<()> {
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(Error::configuration("learning_rate", self.learning_rate, "a finite number above 0"));
        }
        for (name, beta) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0.0..1.0).contains(&beta) {
                return Err(Error::configuration(name, beta, "from 0 to below 1"));
            }
        }
        if !(self.eps.is_finite() && self.eps > 0.0) {
            return Err(Error::configuration("eps", self.eps, "a finite number above 0"));
        }
        Ok(())
    }
}

/// What Adam remembers of one variable.
#[derive(Debug)]
pub(crate) struct Moments {
    /// The running mean of the gradient.
    pub mean: Tensor,
    /// The running mean of its square.
    pub square: Tensor,
    /// How many steps the variable took: one that gets no gradient takes none.
    pub steps: i64,
}

/// Adam's memory of every variable, by the variable's name.
#[derive(Debug, Default)]
pub(crate) struct AdamState {
    pub moments: HashMap<String, Moments>,
}

impl AdamState {
    /// One step of the variable called `name` down `gradient`.
    pub(crate) fn step(&mut self, adam: &Adam, name: &str, variable: &Tensor, gradient: &Tensor) {
        let moments = self.moments.entry(name.to_owned()).or_insert_with(|| Moments {
            mean: variable.zeros_like().detach(),
            square: variable.zeros_like().detach(),
            steps: 0,
        });
        moments.steps += 1;
        let (correction1, correction2) = corrections(adam, moments.steps);
        tch::no_grad(|| {
            let _ = moments.mean.lerp_(gradient, 1.0 - adam.beta1);
            let _ = moments.square.lerp_(&gradient.square(), 1.0 - adam.beta2);
            let scale = (&moments.square / correction2).sqrt() + adam.eps;
            let mut variable = variable.shallow_clone();
            variable -= &moments.mean / scale * (adam.learning_rate / correction1);
        });
    }
}

/// 1 - beta^t for both betas: what makes up for the means' start at zero.
fn corrections(adam: &Adam, steps: i64) -> (f64, f64) {
    let steps = steps as f64;
    (1.0 - adam.beta1.powf(steps), 1.0 - adam.beta2.powf(steps))
}
