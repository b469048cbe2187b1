//! How the learning rate changes over a run.

use super::Schedule;
use crate::error::{Error, Result};

/// How the learning rate changes over a run.
///
/// ```
/// use illia_core::likelihood::Categorical;
/// use illia_core::{Fit, RateSchedule};
///
/// let fit = Fit::new(Categorical).epochs(40).learning_rate_schedule(RateSchedule::Cosine);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum RateSchedule {
    /// The same throughout.
    #[default]
    Constant,
    /// From its full value down to 0 along half a cosine, step by step (Loshchilov & Hutter 2017).
    Cosine,
    /// Multiplied by `factor` after every `epochs` epochs.
    Step {
        /// How many epochs each value holds.
        epochs: usize,
        /// What it is multiplied by.
        factor: f64,
    },
    /// A schedule of one's own: [`RateSchedule::from`] makes it.
    Custom(&'static dyn Schedule),
}

impl<S: Schedule + 'static> From<S> for RateSchedule {
    /// The schedule is kept for as long as the program runs, so that it is a plain value.
    fn from(schedule: S) -> Self {
        RateSchedule::Custom(Box::leak(Box::new(schedule)))
    }
}

impl RateSchedule {
    /// Checks that every number lies where the schedule is defined.
    ///
    /// # Errors
    /// [`Error::Configuration`] names the first number that does not.
    pub fn validate(self) -> Result<()> {
        let (epochs, factor) = match self {
            RateSchedule::Constant | RateSchedule::Cosine => return Ok(()),
            RateSchedule::Step { epochs, factor } => (epochs, factor),
            RateSchedule::Custom(own) => return own.validate(),
        };
        if epochs == 0 {
            return Err(Error::configuration("learning rate step", epochs, "at least 1 epoch"));
        }
        if !(factor.is_finite() && factor > 0.0) {
            return Err(Error::configuration("learning rate factor", factor, "a finite number above 0"));
        }
        Ok(())
    }

    /// What the full learning rate is multiplied by at `step` (from 0) of `steps` in all.
    pub(super) fn factor(self, step: usize, steps_per_epoch: usize, steps: usize) -> f64 {
        match self {
            RateSchedule::Constant => 1.0,
            RateSchedule::Cosine => {
                let part = step as f64 / steps.max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * part).cos())
            }
            RateSchedule::Step { epochs, factor } => {
                let epoch = step / steps_per_epoch.max(1);
                factor.powf((epoch / epochs.max(1)) as f64)
            }
            RateSchedule::Custom(own) => own.factor(step, steps_per_epoch.max(1)),
        }
    }
}
