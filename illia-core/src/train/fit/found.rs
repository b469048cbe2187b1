//! What a run finds rather than trains, where nobody chose a posterior: the prior's scale, the noise, and at the end the spread.

use std::cell::Cell;

use super::automatic::{Around, Automatic};
use super::run::Run;
use super::shuffle::shuffled;
use crate::error::{Error, Result};
use crate::likelihood::Likelihood;
use crate::module::BayesianModule;
use crate::noise::Key;

/// Steps before the scale of priors that nobody chose is found for the first time.
const SCALE_AFTER: usize = 300;

/// Steps at least before a learned noise is found for the first time, and between two times.
const NOISE_AFTER: usize = 100;

impl<L: Likelihood, M: BayesianModule + ?Sized> Run<'_, L, M> {
    /// Whether the scale of priors that nobody chose is to be found again after the epoch that has just ended: after 300 steps and
    /// each time that they have doubled, while the step size still lets the means follow.
    pub(super) fn scale_is_due(&self) -> bool {
        let doublings = |steps: usize| (steps / SCALE_AFTER).checked_ilog2();
        let now = self.progress.step;
        self.learning_rate_factor() > 0.5
            && doublings(now) > doublings(now.saturating_sub(self.steps_per_epoch))
    }

    /// Why the scale of priors that nobody chose is where it started.
    pub(super) fn scale_was_not_found(&self) -> Option<String> {
        let weight = self.progress.epochs.last().map_or(1.0, |epoch| epoch.kl_weight);
        let has_scale = weight > 0.0 && self.automatic.as_ref().is_some_and(Automatic::has_scale);
        let (steps, epochs) = (self.progress.step, self.progress.epochs.len());
        let why = match self.progress.scale {
            _ if !has_scale => return None,
            Some(true) => return None,
            Some(false) => "the weights that the data determine could not be counted: they are more than a sample shows, or code of your \
                            own computes with them"
                .to_owned(),
            None => format!(
                "it is found after epochs that end beyond {SCALE_AFTER} steps, before the step size has fallen by half, and this run took {steps} \
                 steps in {epochs} epochs"
            ),
        };
        Some(format!("the prior's scale stayed where it starts: {why}; choose a `prior`, or train longer"))
    }

    /// Leaves to [`find_noise`](Self::find_noise) what it finds.
    pub(super) fn hold_noise(&mut self) -> Result<()> {
        if let Some(automatic) = &self.automatic {
            // A run that goes on has to see the same order of the data.
            let before = self.shuffle.position();
            self.noise = self.around(|around| automatic.noise_to_find(around))?;
            self.shuffle.restore(before);
            for name in &self.noise {
                self.trainer.group(name, 0.0);
            }
        }
        Ok(())
    }

    /// Finds the noise again where a part of all steps was taken since the last time: a quarter where it is held in between, and a twentieth where the
    /// outputs say it, which follow at once.
    pub(super) fn find_noise(&mut self) -> Result<()> {
        let Some(automatic) = &self.automatic else { return Ok(()) };
        let now = self.progress.step;
        let is_due = |steps: usize| now >= self.progress.noise_at + steps;
        if self.fit.likelihood.has_noise_of_its_own() {
            if is_due((now / 20).max(NOISE_AFTER / 2)) {
                self.progress.missing_noise = self.around(|around| automatic.missing_noise(around))?;
                self.progress.noise_at = now;
            }
        } else if !self.noise.is_empty() && is_due((now / 5).max(NOISE_AFTER)) {
            self.around(|around| automatic.find_noise(around))?;
            self.progress.noise_at = now;
        }
        Ok(())
    }

    /// A key of the step's own, the same in a run that goes on from a file.
    pub(super) fn key_of_step(&self) -> Key {
        let before = self.shuffle.position();
        let key = self.shuffle.next_key();
        self.shuffle.restore(before);
        Key { draw: u64::MAX - ((self.progress.step as u64) << 24), ..key }
    }

    pub(super) fn find_scale(&mut self) -> Result<()> {
        if let Some(automatic) = &self.automatic {
            let found = self.around(|around| automatic.find_scale(around))?;
            self.progress.scale = Some(found || self.progress.scale == Some(true));
        }
        Ok(())
    }

    /// What nobody chose, once the means are there.
    pub(super) fn find_spread(&self) -> Result<Vec<String>> {
        let Some(automatic) = &self.automatic else {
            let why_not = Automatic::why_not(self.net).filter(|_| !self.fit.optimiser.needs_draws());
            return Ok(why_not.into_iter().collect());
        };
        self.around(|around| automatic.find_spread(around, self.progress.step / 2))
    }

    fn around<T>(&self, then: impl FnOnce(&Around<'_, L>) -> Result<T>) -> Result<T> {
        let held = |name: &str| {
            let group = self.fit.groups.iter().rev().find(|(prefix, _)| name.starts_with(prefix.as_str()));
            group.is_some_and(|(_, factor)| *factor == 0.0)
        };
        // Of several processes each finds the same for itself; the curvature of the spread alone is shared out.
        let found = then(&Around {
            processes: self.group(),
            likelihood: &self.fit.likelihood,
            data: self.data,
            forward: self.forward,
            alone: self.alone,
            is_validated: self.progress.best.is_some(),
            vs: self.vs,
            kl_weight: self.progress.epochs.last().map_or(1.0, |epoch| epoch.kl_weight),
            batch_size: self.fit.micro_batch.unwrap_or(self.fit.batch_size.max(256)),
            rows: shuffled(self.examples, &self.shuffle)?,
            step_size: self.fit.micro_batch.unwrap_or(self.fit.batch_size),
            noise: &self.shuffle,
            missing_noise: self.progress.missing_noise,
            held: &held,
            // Of several processes none may end what all find, each for itself.
            is_interrupted: &|| self.group().is_none() && self.is_interrupted(),
            empirical: Cell::new(false),
        });
        let (found, result) = match found {
            Ok(found) => (Some(found), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.agree("curvature", result)?;
        found.ok_or_else(|| Error::configuration("curvature", "none", "one"))
    }
}
