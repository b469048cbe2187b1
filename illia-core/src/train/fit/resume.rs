//! What a run keeps in its checkpoints, and how it goes on from one.

use std::fmt::Debug;
use std::path::Path;

use super::course::Course;
use super::run::{Progress, Run};
use crate::checkpoint::Checkpoints;
use crate::checkpoint::training::{self, Kept, Settings};
use crate::data::{Dataset, Tensors};
use crate::error::{Error, Result, Unusable};
use crate::likelihood::Likelihood;
use crate::module::BayesianModule;
use crate::train::optim::{OptimiserState, in_file};

/// Before the names of the best weights so far, in a file.
const BEST: &str = "best/";

impl<L: Likelihood, M: BayesianModule + ?Sized> Run<'_, L, M> {
    /// What decides the numbers of the steps to come, so that a run which goes on under others would be neither run. Not
    /// `epochs` and `patience`, which only say when it ends.
    pub(super) fn settings(&self) -> Result<Settings> {
        let fit = self.fit;
        let validation = match &fit.validation {
            None => "none".to_owned(),
            Some((inputs, y)) => {
                let inputs = inputs.iter().map(|x| x.shallow_clone()).collect();
                let data = Tensors::new(inputs, y.shallow_clone())?.fingerprint()?;
                format!("{data:016x}, by {} draws", fit.validation_draws)
            }
        };
        let settings = [
            ("the number of examples", self.examples.to_string()),
            ("the batch size", fit.batch_size.to_string()),
            ("the number of draws a step", fit.draws.to_string()),
            ("the micro batch", said(&fit.micro_batch)),
            ("the data's fingerprint", format!("{:016x}", self.data.fingerprint()?)),
            ("the validation's fingerprint", validation),
            ("what chooses the best epoch", fit.watch.rule()),
            ("the likelihood", self.likelihood()),
            ("the optimiser", said(&fit.optimiser)),
            ("the learning rate", fit.step_size.unwrap_or(fit.optimiser.learning_rate()).to_string()),
            ("the learning rate's schedule", said(&fit.learning_rate)),
            ("the KL's schedule", said(&fit.kl)),
            ("what clips gradients", said(&fit.clip)),
            ("the list of groups", said(&fit.groups)),
        ];
        let estimators = self.net.named_parameters().into_iter().filter_map(|(name, parameter)| {
            let estimator = parameter.estimator()?;
            Some((format!("the estimator of `{name}`"), said(&estimator)))
        });
        Ok(settings.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(estimators).collect())
    }

    /// The likelihood as it prints, but for what it is trained with: a short tensor prints its numbers.
    fn likelihood(&self) -> String {
        let variables = self.fit.likelihood.named_variables();
        variables
            .iter()
            .fold(said(&self.fit.likelihood), |text, (name, variable)| text.replace(&said(variable), name))
    }

    /// Refuses a file of a run that was started otherwise, as far as the file says how: those of earlier versions say less.
    fn is_the_same(&self, path: &Path, theirs: &Settings, progress: &Progress) -> Result<()> {
        // The rows of an epoch under way are told by their place among all, in batches.
        let places = ["the number of examples", "the batch size"];
        for (name, ours) in &self.settings {
            let Some(theirs) = theirs.get(name).filter(|theirs| *theirs != ours) else { continue };
            let within = progress.batches > 0 && places.contains(&name.as_str());
            if self.fit.allow_changes && !within {
                tracing::warn!(target: "illia::fit", "{name} is {theirs} in the file and {ours} in this run");
                continue;
            }
            let way_out = match within {
                true => "the run stopped within an epoch, which only the same can end",
                false => "`Fit::allow_changes(true)` goes on all the same",
            };
            let difference = format!("{name} is {theirs} in the file and {ours} in this run; {way_out}");
            return Err(Error::Checkpoint {
                path: path.display().to_string(),
                reason: Unusable::Architecture(difference),
            });
        }
        Ok(())
    }

    pub(super) fn save(&self) -> Result<()> {
        let saved = self.by_rank_0(|| self.write());
        self.agree("checkpoint", saved)
    }

    fn write(&self) -> Result<()> {
        let Some(checkpoints) = &self.fit.checkpoints else { return Ok(()) };
        let (mut tensors, steps) = self.trainer.state.named(&*self.trainer.optimiser);
        tensors.extend(
            self.best.iter().map(|(name, weights)| (format!("{BEST}{name}"), weights.shallow_clone())),
        );
        let progress = serde_json::to_value(&self.progress);
        let progress =
            progress.map_err(|e| Error::configuration("checkpoint", e, "numbers that JSON has"))?;
        let kept =
            Kept { tensors, steps, shuffle: self.shuffle_before, progress, settings: self.settings.clone() };
        training::write(&checkpoints.path(self.progress.step), self.net, self.vs, kept)?;
        checkpoints.prune()
    }

    pub(super) fn save_unless_saved(&self) -> Result<()> {
        let Some(checkpoints) = &self.fit.checkpoints else { return Ok(()) };
        let saved = self.by_rank_0(|| match checkpoints.path(self.progress.step).exists() {
            true => Ok(()),
            false => self.write(),
        });
        self.agree("checkpoint", saved)
    }

    /// Goes on from the newest checkpoint that is whole, if there is one.
    pub(super) fn resume(&mut self, checkpoints: &Checkpoints) -> Result<()> {
        let mut newest: Option<Error> = None;
        for path in checkpoints.list()?.iter().rev() {
            if !self.fit.resume {
                return Err(checkpoints.taken());
            }
            match self.resume_from(path) {
                Ok(()) => return Ok(()),
                // One that a disk has damaged is no reason to lose those before it.
                Err(
                    error @ Error::Checkpoint {
                        reason: Unusable::Damaged(_) | Unusable::NonFinite(_), ..
                    },
                ) => {
                    newest.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        newest.map_or(Ok(()), Err)
    }

    /// Checks all of the file, then changes the model, the noise and the run.
    fn resume_from(&mut self, path: &Path) -> Result<()> {
        let opened = training::open(path, self.net, self.vs)?;
        let mut kept = opened.kept(self.vs)?;
        let progress: Progress = serde_json::from_value(kept.progress)
            .map_err(|e| training::damaged(path, &format!("it does not say where the run stands: {e}")))?;
        self.is_the_same(path, &kept.settings, &progress)?;
        let optimiser = &*self.trainer.optimiser;
        let variables = self.vs.variables();
        let own = format!("{}.", optimiser.name());
        if self.fit.allow_changes && !kept.tensors.keys().any(|name| name.starts_with(&own)) {
            // Another optimiser's memory means nothing to this one.
            kept.steps.clear();
        }
        for variable in kept.steps.keys().filter(|name| variables.contains_key(*name)) {
            for slot in optimiser.slots() {
                let name = in_file(optimiser, slot, variable);
                if !kept.tensors.contains_key(&name) {
                    return Err(training::damaged(path, &format!("no {name}")));
                }
            }
        }
        let best = variables.keys().filter(|_| progress.best.is_some());
        let best = best.map(|name| {
            let weights = kept.tensors.remove(&format!("{BEST}{name}"));
            weights
                .map(|weights| (name.clone(), weights))
                .ok_or_else(|| training::damaged(path, &format!("no {BEST}{name}")))
        });
        let best = best.collect::<Result<_>>()?;
        opened.apply(self.net, self.vs)?;
        self.trainer.state = OptimiserState::from_named(optimiser, kept.tensors, &kept.steps);
        self.trainer.usual = progress.usual;
        let processes = self.progress.processes;
        if progress.processes.max(1) != processes {
            tracing::warn!(
                target: "illia::fit",
                "the run was on {} processes and goes on on {processes}: sums are rounded in another order from here on, so that the bits \
                 are no longer those of a run that never stopped",
                progress.processes.max(1)
            );
        }
        (self.progress, self.best) = (Progress { processes, ..progress }, best);
        self.course = Course::of(&self.progress.epochs, self.steps_per_epoch);
        self.shuffle.restore(kept.shuffle);
        self.shuffle_before = kept.shuffle;
        Ok(())
    }
}

/// A setting as it prints, without addresses, which differ from process to process.
fn said(setting: &impl Debug) -> String {
    let text = format!("{setting:?}");
    let mut parts = text.split("0x");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push_str("0x");
        kept.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    kept
}
