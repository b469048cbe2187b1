//! How the learning rate changes over a run.

use crate::error::{Error, Result};

/// How the learning rate changes over a run.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum LearningRate {
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
}

impl LearningRate {
    /// Checks that every number lies where the schedule is defined.
    ///
    /// # Errors
    /// [`Error::Configuration`] names the first number that does not.
    pub fn validate(self) -> Result<()> {
        let LearningRate::Step { epochs, factor } = self else { return Ok(()) };
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
            LearningRate::Constant => 1.0,
            LearningRate::Cosine => {
                let part = step as f64 / steps.max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * part).cos())
            }
            LearningRate::Step { epochs, factor } => {
                let epoch = step / steps_per_epoch.max(1);
                factor.powf((epoch / epochs.max(1)) as f64)
            }
        }
    }
}
