//! How the KL's weight changes over a run.

use super::Schedule;
use crate::error::{Error, Result};

/// What multiplies KL / N, step by step.
///
/// 1 is the ELBO itself. Weights below 1 at the start let the data speak before the prior does; a weight below 1
/// throughout is a cold posterior, with that temperature (Wenzel et al. 2020).
///
/// ```
/// use illia_core::likelihood::Categorical;
/// use illia_core::{Fit, KlSchedule};
///
/// let fit = Fit::new(Categorical).epochs(40).kl(KlSchedule::WarmUp { epochs: 20.0 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum KlSchedule {
    /// The same throughout: 1 for the ELBO, below 1 for a cold posterior of that temperature.
    Constant(f64),
    /// Linear from 0 to 1 over the first epochs, step by step, then 1 (Bowman et al. 2016; Sønderby et al. 2016).
    WarmUp {
        /// How many epochs the rise takes.
        epochs: f64,
    },
    /// Again and again: linear from 0 to 1 over a part of each cycle, 1 for the rest (Fu et al. 2019).
    Cyclical {
        /// How many epochs a cycle takes.
        epochs: f64,
        /// The part of the cycle that rises, above 0 and up to 1.
        rise: f64,
    },
    /// Falling within each epoch: of M steps, step i (from 1) has 2^(M-i) / (2^M - 1) of the KL, M times its fair share
    /// of 1/M, so that an epoch adds up to the whole KL (Blundell et al. 2015, section 3.4).
    PerBatch,
    /// A schedule of one's own: [`KlSchedule::from`] makes it.
    Custom(&'static dyn Schedule),
}

impl<S: Schedule + 'static> From<S> for KlSchedule {
    /// The schedule is kept for as long as the program runs, so that it is a plain value.
    fn from(schedule: S) -> Self {
        KlSchedule::Custom(Box::leak(Box::new(schedule)))
    }
}

impl Default for KlSchedule {
    /// The ELBO.
    fn default() -> Self {
        KlSchedule::Constant(1.0)
    }
}

impl KlSchedule {
    /// Checks that every number lies where the schedule is defined.
    ///
    /// # Errors
    /// [`Error::Configuration`] names the first number that does not.
    pub fn validate(self) -> Result<()> {
        let positive = |name, value: f64| match value.is_finite() && value > 0.0 {
            true => Ok(()),
            false => Err(Error::configuration(name, value, "a finite number above 0")),
        };
        match self {
            KlSchedule::Constant(weight) if weight.is_finite() && weight >= 0.0 => Ok(()),
            KlSchedule::Constant(weight) => {
                Err(Error::configuration("kl weight", weight, "a finite number from 0"))
            }
            KlSchedule::WarmUp { epochs } => positive("warm-up epochs", epochs),
            KlSchedule::Cyclical { epochs, rise } => {
                positive("cycle epochs", epochs)?;
                positive("rise", rise)?;
                if rise <= 1.0 { Ok(()) } else { Err(Error::configuration("rise", rise, "up to 1")) }
            }
            KlSchedule::PerBatch => Ok(()),
            KlSchedule::Custom(own) => own.validate(),
        }
    }

    /// The weight at `step` of `epoch`, both from 0.
    pub fn weight(self, epoch: usize, step: usize, steps_per_epoch: usize) -> f64 {
        let steps = steps_per_epoch.max(1) as f64;
        let epochs_done = epoch as f64 + step as f64 / steps;
        match self {
            KlSchedule::Constant(weight) => weight,
            KlSchedule::WarmUp { epochs } => (epochs_done / epochs).min(1.0),
            KlSchedule::Cyclical { epochs, rise } => (epochs_done / epochs % 1.0 / rise).min(1.0),
            // 2^(M-i) / (2^M - 1) with numerator and denominator divided by 2^M, which may be out of a float's range.
            KlSchedule::PerBatch => steps * 0.5f64.powf(step as f64 + 1.0) / (1.0 - 0.5f64.powf(steps)),
            KlSchedule::Custom(own) => {
                own.factor(epoch * steps_per_epoch.max(1) + step, steps_per_epoch.max(1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schedule_takes_its_course() {
        assert_eq!(KlSchedule::Constant(0.3).weight(7, 3, 10), 0.3);
        let warm_up = KlSchedule::WarmUp { epochs: 2.0 };
        assert_eq!(
            [warm_up.weight(0, 0, 10), warm_up.weight(1, 0, 10), warm_up.weight(5, 3, 10)],
            [0.0, 0.5, 1.0]
        );
        let cyclical = KlSchedule::Cyclical { epochs: 4.0, rise: 0.5 };
        let course: Vec<f64> = (0..8).map(|epoch| cyclical.weight(epoch, 0, 1)).collect();
        assert_eq!(course, [0.0, 0.5, 1.0, 1.0, 0.0, 0.5, 1.0, 1.0]);
    }

    #[test]
    fn the_batches_of_an_epoch_add_up_to_the_whole_kl() {
        for steps in [1, 2, 7, 2000] {
            let sum: f64 = (0..steps).map(|step| KlSchedule::PerBatch.weight(3, step, steps)).sum();
            assert!((sum / steps as f64 - 1.0).abs() < 1e-12, "{steps} steps: {sum}");
        }
        assert_eq!(KlSchedule::PerBatch.weight(0, 0, 2), 2.0 * 2.0 / 3.0);
    }

    #[test]
    fn a_number_out_of_range_is_refused() {
        assert!(KlSchedule::Constant(-1.0).validate().is_err());
        assert!(KlSchedule::WarmUp { epochs: 0.0 }.validate().is_err());
        assert!(KlSchedule::Cyclical { epochs: 2.0, rise: 1.5 }.validate().is_err());
        assert!(KlSchedule::PerBatch.validate().is_ok());
    }
}
