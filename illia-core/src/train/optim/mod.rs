//! Optimisers, one a file: what moves the variables down their gradients.

mod adam;
pub(crate) mod adam_kernel;
mod adamw;
mod ivon;
#[cfg(test)]
mod kernel_tests;
mod sgd;
mod state;

pub use adam::Adam;
pub use adamw::AdamW;
pub use ivon::Ivon;
pub use sgd::Sgd;
pub use state::{Memory, Moments, PosteriorStep};
pub(crate) use state::{OptimiserState, in_file};

use std::fmt::Debug;

use tch::Tensor;

use crate::error::Result;

/// A rule that moves variables down their gradients: what an optimiser of one's own implements.
///
/// What it remembers of each variable are named tensors and a count of steps ([`Memory`]), which checkpoints carry without
/// knowing the rule. [`Fit::optimiser`](crate::Fit::optimiser) and [`Trainer::new`](crate::Trainer::new) take one.
///
/// ```
/// use illia_core::{Memory, Optimiser};
/// use tch::Tensor;
///
/// /// Steps of the gradient's sign (Bernstein et al. 2018).
/// #[derive(Debug)]
/// struct SignSgd {
///     learning_rate: f64,
/// }
///
/// impl Optimiser for SignSgd {
///     fn name(&self) -> &'static str {
///         "sign_sgd"
///     }
///     fn learning_rate(&self) -> f64 {
///         self.learning_rate
///     }
///     fn step(&self, variable: &mut Tensor, gradient: &Tensor, _: &mut Memory, learning_rate: f64) {
///         *variable -= gradient.sign() * learning_rate;
///     }
/// }
/// ```
pub trait Optimiser: Debug + Send + Sync {
    /// What its tensors go by in a checkpoint: `adam`.
    fn name(&self) -> &'static str;

    /// Checks that every setting lies where the rule is defined.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration) names the first that does not.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// The step size, which schedules and groups multiply.
    fn learning_rate(&self) -> f64;

    /// The names of the tensors that it keeps of each variable: of the variable's shape, zero at first.
    fn slots(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether it needs the gradients of drawn weights: then weights are drawn in training whatever the estimator.
    fn needs_draws(&self) -> bool {
        false
    }

    /// One step of a variable down `gradient`, without autograd.
    fn step(&self, variable: &mut Tensor, gradient: &Tensor, memory: &mut Memory, learning_rate: f64);

    /// What it knows of a variable's gradients, by which a run tells noise from a way still to go. None by default.
    fn moments(&self, _memory: &Memory) -> Option<Moments> {
        None
    }

    /// One step of a mean-field Gaussian's mu and rho together, in one pass over memory; false, and nothing is done, where it
    /// has none, and then [`step`](Self::step) takes them one by one.
    #[doc(hidden)]
    fn step_posterior(&self, _posterior: &mut PosteriorStep<'_>) -> bool {
        false
    }
}
