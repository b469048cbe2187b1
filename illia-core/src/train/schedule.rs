//! What a schedule is, and how one of the user's own stands beside those of the library.

use std::fmt::Debug;

use crate::error::{Error, Result};

/// A number that changes over a run, step by step: what a schedule of one's own implements.
///
/// [`Fit::learning_rate_schedule`](crate::Fit::learning_rate_schedule) multiplies the step size by it, and
/// [`Fit::kl`](crate::Fit::kl) the KL.
///
/// ```
/// use illia_core::likelihood::Categorical;
/// use illia_core::{Fit, Schedule};
///
/// /// Linear from 0 to 1 over the first steps, then falling as 1 / sqrt(step) (Vaswani et al. 2017, section 5.3).
/// #[derive(Debug)]
/// struct WarmUp {
///     steps: usize,
/// }
///
/// impl Schedule for WarmUp {
///     fn factor(&self, step: usize, _: usize) -> f64 {
///         let part = (step + 1) as f64 / self.steps as f64;
///         part.min(part.powf(-0.5))
///     }
/// }
///
/// let fit = Fit::new(Categorical).learning_rate_schedule(WarmUp { steps: 400 });
/// # let _ = fit;
/// ```
pub trait Schedule: Debug + Send + Sync {
    /// Checks that every number lies where the schedule is defined.
    ///
    /// # Errors
    /// [`Error::Configuration`] names the first that does not.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// The factor at `step` of the run, counted from 0, an epoch having so many steps: a finite number from 0. It follows from
    /// its arguments alone, so that a run that goes on from a checkpoint goes on as it would have.
    fn factor(&self, step: usize, steps_per_epoch: usize) -> f64;
}

/// Two are equal when they print alike.
impl PartialEq for dyn Schedule {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// Refuses what a schedule of the user's own must not give.
pub(super) fn checked(name: &str, factor: f64) -> Result<f64> {
    match factor.is_finite() && factor >= 0.0 {
        true => Ok(factor),
        false => Err(Error::configuration(name, factor, "a finite number from 0 at every step")),
    }
}
