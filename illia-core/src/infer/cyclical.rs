//! The cyclical step size (Zhang et al. 2020), by which one chain visits several modes.

use std::f64::consts::PI;

use super::number;
use crate::error::{Error, Result};

/// What a cyclical schedule is for at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Large steps, better without noise (temperature 0), that find another mode.
    Explore,
    /// Small steps: the positions are draws.
    Sample,
}

/// The cyclical step size of Zhang et al. (2020): cosines that start anew, so that a chain finds several modes (equation 1),
/// and what each part of a cycle is for (algorithm 1).
///
/// ```
/// use illia_core::infer::cyclical::{Cyclical, Stage};
///
/// let cyclical = Cyclical { learning_rate: 0.1, steps: 100, cycles: 4, explore: 0.8 };
/// assert_eq!(cyclical.at(25)?, (0.1, Stage::Explore)); // the second cycle's first step
/// assert_eq!(cyclical.at(24)?.1, Stage::Sample);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cyclical {
    /// The step size at the start of each cycle.
    pub learning_rate: f64,
    /// The steps of the whole run.
    pub steps: usize,
    /// How many cycles they are divided into; the last may be shorter.
    pub cycles: usize,
    /// The share of each cycle that explores; its rest samples.
    pub explore: f64,
}

impl Cyclical {
    /// The step size at `step`, counted from 0, and what the step is for.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a step size that is not above 0, no step, no cycle or more cycles than steps, and an
    /// exploring share outside of 0 to 1.
    pub fn at(&self, step: usize) -> Result<(f64, Stage)> {
        let Cyclical { learning_rate, steps, cycles, explore } = *self;
        number("learning_rate", learning_rate, learning_rate > 0.0, "a finite number above 0")?;
        number("explore", explore, (0.0..=1.0).contains(&explore), "from 0 to 1")?;
        if cycles == 0 || cycles > steps {
            return Err(Error::configuration("cycles", cycles, &format!("from 1 to the {steps} steps")));
        }
        let length = steps.div_ceil(cycles);
        let place = (step % length) as f64 / length as f64;
        let stage = if place < explore { Stage::Explore } else { Stage::Sample };
        Ok((learning_rate / 2.0 * ((PI * place).cos() + 1.0), stage))
    }

    /// Whether `step`, counted from 0, is the last of its cycle: where its snapshot is taken.
    pub fn ends_cycle(&self, step: usize) -> bool {
        let length = self.steps.div_ceil(self.cycles.max(1)).max(1);
        (step + 1).is_multiple_of(length) || step + 1 == self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_start_anew() {
        let cyclical = Cyclical { learning_rate: 0.2, steps: 10, cycles: 3, explore: 0.5 };
        // Cycles of 4, 4 and 2 steps.
        let all: Vec<(f64, Stage)> = (0..10).map(|step| cyclical.at(step).unwrap()).collect();
        assert_eq!(
            (all[0], all[4], all[8]),
            ((0.2, Stage::Explore), (0.2, Stage::Explore), (0.2, Stage::Explore))
        );
        assert!((all[2].0 - 0.1).abs() < 1e-15 && all[2].1 == Stage::Sample);
        assert!((all[3].0 - 0.1 * (1.0 - 0.5f64.sqrt())).abs() < 1e-15);
        let ends: Vec<usize> = (0..10).filter(|&step| cyclical.ends_cycle(step)).collect();
        assert_eq!(ends, [3, 7, 9]);
        assert!(Cyclical { cycles: 11, ..cyclical }.at(0).is_err());
        assert!(Cyclical { explore: 1.5, ..cyclical }.at(0).is_err());
    }
}
