//! Adam (Kingma & Ba 2015, algorithm 1).

use tch::Tensor;

use super::adam_kernel::{self, AdamStep};
use super::{Memory, Moments, Optimiser, PosteriorStep};
use crate::error::{Error, Result};

/// The settings of Adam (Kingma & Ba 2015, algorithm 1), PyTorch's defaults.
///
/// ```
/// use illia_core::likelihood::Categorical;
/// use illia_core::{Adam, Fit};
///
/// let fit = Fit::new(Categorical).optimiser(Adam { beta2: 0.99, ..Adam::default() }).learning_rate(0.01);
/// ```
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
    fn check(&self) -> Result<()> {
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

impl Adam {
    /// 1 - beta^t for both betas in the step to come: what makes up for the moments' start at zero.
    fn corrections(&self, steps: i64) -> (f64, f64) {
        let steps = (steps + 1) as f64;
        (1.0 - self.beta1.powf(steps), 1.0 - self.beta2.powf(steps))
    }

    /// The kernel's numbers for the step to come.
    fn numbers(&self, steps: i64, learning_rate: f64) -> AdamStep {
        let (correction1, correction2) = self.corrections(steps);
        AdamStep::new(&Adam { learning_rate, ..*self }, correction1, correction2)
    }
}

impl Optimiser for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn validate(&self) -> Result<()> {
        self.check()
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    /// The running means of the gradient and of its square.
    fn slots(&self) -> &'static [&'static str] {
        &["mean", "square"]
    }

    fn moments(&self, memory: &Memory) -> Option<Moments> {
        let [mean, square] = memory.tensors.as_slice() else { return None };
        let (correction1, correction2) = self.corrections(memory.steps - 1);
        Some(Moments {
            mean: mean / correction1,
            square: square / correction2,
            kept: (1.0 - self.beta1) / (1.0 + self.beta1) * (2.0 - correction1) / correction1,
        })
    }

    fn step(&self, variable: &mut Tensor, gradient: &Tensor, memory: &mut Memory, learning_rate: f64) {
        let numbers = self.numbers(memory.steps, learning_rate);
        let (correction1, correction2) = self.corrections(memory.steps);
        memory.steps += 1;
        let [mean, square] = memory.tensors.as_mut_slice() else { return };
        if adam_kernel::step(numbers, variable, mean, square, gradient) {
            return;
        }
        let gradient = &gradient.to_kind(mean.kind());
        let _ = mean.lerp_(gradient, 1.0 - self.beta1);
        let _ = square.lerp_(&gradient.square(), 1.0 - self.beta2);
        // The corrections, which are numbers, taken out of the tensors: on a GPU each call costs more than its arithmetic.
        let root = correction2.sqrt();
        let scale = square.sqrt().g_add_scalar_(self.eps * root);
        let step = (&*mean / scale).g_mul_scalar_(learning_rate * root / correction1);
        let _ = variable.g_sub_(&step.to_kind(variable.kind()));
    }

    fn step_posterior(&self, posterior: &mut PosteriorStep<'_>) -> bool {
        let parameter = posterior.parameter;
        let Some(rho) = parameter.rho() else { return false };
        let [of_mu, of_rho] = &mut posterior.memories;
        let ([mu_mean, mu_square], [rho_mean, rho_square]) =
            (of_mu.tensors.as_slice(), of_rho.tensors.as_slice())
        else {
            return false;
        };
        let [mu_rate, rho_rate] = posterior.learning_rates;
        let sides = [
            (self.numbers(of_mu.steps, mu_rate), [parameter.mu(), mu_mean, mu_square]),
            (self.numbers(of_rho.steps, rho_rate), [rho, rho_mean, rho_square]),
        ];
        if !adam_kernel::update(sides, posterior.gradients, posterior.kl) {
            return false;
        }
        of_mu.steps += 1;
        of_rho.steps += 1;
        if let Some(mask) = parameter.pruned_mask() {
            // Momentum from before the pruning moves on.
            let _ = parameter.mu().shallow_clone().masked_fill_(mask, 0.0);
        }
        true
    }
}
