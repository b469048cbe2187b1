//! What an optimiser's step does to each variable.

use tch::Tensor;

use super::optim::{Optimiser, OptimiserState, PosteriorStep};
use crate::parameter::RandomParameter;
use crate::parameter::fused::{ClosedKl, Gradients};

/// The rule of one step, with what it remembers.
pub(super) struct Update<'a> {
    pub optimiser: &'a dyn Optimiser,
    pub state: &'a mut OptimiserState,
    pub learning_rate: f64,
    /// What the KL is multiplied by, per example.
    pub weight: f64,
    /// Prefixes of names, and what multiplies the step sizes of those variables.
    pub groups: &'a [(String, f64)],
}

/// A variable with its name.
type Named<'v> = (&'v str, &'v Tensor);

impl Update<'_> {
    /// A variable's step size.
    fn rate(&self, name: &str) -> f64 {
        let group = self.groups.iter().rev().find(|(prefix, _)| name.starts_with(prefix.as_str()));
        group.map_or(self.learning_rate, |(_, factor)| self.learning_rate * factor)
    }

    /// One step of a mean-field Gaussian, of those of its mu and rho that are trained: fused where that is possible.
    pub(super) fn parameter(
        &mut self,
        parameter: &RandomParameter,
        variables: [Option<Named<'_>>; 2],
        gradients: &Gradients<'_>,
        kl: Option<ClosedKl<'_>>,
    ) {
        if let [Some(mu), Some(rho)] = variables
            && self.both(parameter, [mu, rho], gradients, kl)
        {
            return;
        }
        let Some((of_mu, of_rho)) = parameter.gradients(gradients, kl) else { return };
        for (variable, gradient) in variables.into_iter().zip([of_mu, of_rho]) {
            if let Some(variable) = variable {
                self.variable(variable, &gradient, 1.0);
            }
        }
        if let Some(mask) = parameter.pruned_mask() {
            // Momentum from before the pruning moves on.
            let _ = parameter.mu().shallow_clone().masked_fill_(mask, 0.0);
        }
    }

    /// The fused step of mu and rho; false, and nothing is done, where there is none.
    fn both(
        &mut self,
        parameter: &RandomParameter,
        variables: [Named<'_>; 2],
        gradients: &Gradients<'_>,
        kl: Option<ClosedKl<'_>>,
    ) -> bool {
        let learning_rates = variables.map(|(name, _)| self.rate(name));
        let Some(memories) = self.state.of_both(self.optimiser, variables) else { return false };
        let mut step =
            PosteriorStep { parameter, gradients, kl, weight: self.weight, memories, learning_rates };
        self.optimiser.step_posterior(&mut step)
    }

    /// One step of any variable, `pace` times as long as others are.
    pub(super) fn variable(&mut self, (name, variable): Named<'_>, gradient: &Tensor, pace: f64) {
        let learning_rate = self.rate(name) * pace;
        if let Some(memory) = self.state.of(self.optimiser, (name, variable)) {
            self.optimiser.step(&mut variable.shallow_clone(), gradient, memory, learning_rate);
        }
    }
}
