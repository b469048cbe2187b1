//! Adam over every variable of a model, plain or random.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use crate::error::{Error, Result};

use crate::parameter::fused::{ClosedKl, Gradients};
use crate::train::optim::adam_kernel;

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

impl Moments {
    /// 1 - beta^t for both betas in the step to come: what makes up for the means' start at zero.
    fn corrections(&self, adam: &Adam) -> (f64, f64) {
        let steps = (self.steps + 1) as f64;
        (1.0 - adam.beta1.powf(steps), 1.0 - adam.beta2.powf(steps))
    }
}

/// Adam's memory of every variable, by the variable's name.
#[derive(Debug, Default)]
pub(crate) struct AdamState {
    pub moments: HashMap<String, Moments>,
}

/// Half precision has no room for a squared gradient, nor for `eps`.
pub(crate) fn moments_kind(variable: Kind) -> Kind {
    match variable {
        Kind::Half | Kind::BFloat16 => Kind::Float,
        kind => kind,
    }
}

/// A variable and its name.
pub(crate) type Named<'a> = (&'a str, &'a Tensor);

impl AdamState {
    fn of(&mut self, (name, variable): Named<'_>) -> &mut Moments {
        self.moments.entry(name.to_owned()).or_insert_with(|| {
            let zeros = || variable.zeros_like().detach().to_kind(moments_kind(variable.kind()));
            Moments { mean: zeros(), square: zeros(), steps: 0 }
        })
    }

    /// One step of a variable down `gradient`.
    pub(crate) fn step(&mut self, adam: &Adam, variable: Named<'_>, gradient: &Tensor) {
        let moments = self.of(variable);
        let (correction1, correction2) = moments.corrections(adam);
        moments.steps += 1;
        let (mean, square) = (&mut moments.mean, &mut moments.square);
        let numbers = adam_kernel::AdamStep::new(adam, correction1, correction2);
        if adam_kernel::step(numbers, variable.1, mean, square, gradient) {
            return;
        }
        tch::no_grad(|| {
            let gradient = &gradient.to_kind(mean.kind());
            let _ = mean.lerp_(gradient, 1.0 - adam.beta1);
            let _ = square.lerp_(&gradient.square(), 1.0 - adam.beta2);
            let scale = (&*square / correction2).sqrt() + adam.eps;
            let mut variable = variable.1.shallow_clone();
            variable -= (&*mean / scale * (adam.learning_rate / correction1)).to_kind(variable.kind());
        });
    }

    /// One step of a Gaussian posterior's mu and rho in one pass over memory. False, and nothing is done, for tensors
    /// that the kernel does not take.
    pub(crate) fn step_posterior(
        &mut self,
        adam: &Adam,
        mu: Named<'_>,
        rho: Named<'_>,
        gradients: &Gradients<'_>,
        kl: Option<ClosedKl<'_>>,
    ) -> bool {
        let sides = [mu, rho].map(|variable| {
            let moments = self.of(variable);
            let (correction1, correction2) = moments.corrections(adam);
            let tensors = [variable.1, &moments.mean, &moments.square].map(Tensor::shallow_clone);
            (adam_kernel::AdamStep::new(adam, correction1, correction2), tensors)
        });
        let done = adam_kernel::update(sides, gradients, kl);
        for variable in [mu, rho] {
            self.of(variable).steps += i64::from(done);
        }
        done
    }
}
