//! A run under way.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::VarStore;

use super::Forward;
use super::automatic::Automatic;
use super::convergence::{self, Convergence, Starts, Way};
use super::course::{self, Course};
use super::noise::noisier;
use super::shuffle::shuffled;
use super::{EpochRecord, Fit, History};
use crate::checkpoint::Checkpoints;
use crate::checkpoint::training::Settings;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::likelihood::Likelihood;
use crate::module::BayesianModule;
use crate::noise::{Key, Stream};
use crate::parameter::Estimator;
use crate::processes::Shard;
use crate::progress::ProgressBar;
use crate::train::RateSchedule;
use crate::train::clip::UsualNorm;
use crate::train::schedule::checked;
use crate::train::trainer::{Terms, Trainer, mean_nll};

/// Where a run stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Steps taken in all.
    pub step: usize,
    /// The epochs that are done.
    pub epochs: Vec<EpochRecord>,
    /// Steps taken in the epoch under way.
    pub batches: usize,
    /// That epoch's record so far.
    pub partial: Option<EpochRecord>,
    /// The best validation so far: (epoch, what it has least of).
    pub best: Option<(usize, f64)>,
    /// How many processes took the latest step together; files of one process alone don't say.
    #[serde(default)]
    pub processes: usize,
    /// How large gradients are.
    #[serde(default)]
    pub usual: UsualNorm,
    /// Some elements of each mu and rho as the run found them.
    #[serde(default)]
    pub starts: Starts,
    /// Once the scale of priors that nobody chose has been looked for, whether it was found.
    #[serde(default)]
    pub scale: Option<bool>,
    /// The step after which the noise was last found.
    #[serde(default)]
    pub noise_at: usize,
    /// What part of a noise that the outputs say is added to the targets.
    #[serde(default)]
    pub missing_noise: Option<f64>,
}

pub(super) struct Run<'a, L, M: ?Sized> {
    pub(super) fit: &'a Fit<L>,
    pub(super) net: &'a M,
    pub(super) vs: &'a VarStore,
    pub(super) data: &'a dyn Dataset,
    /// Whether the forward treats each example by itself.
    pub(super) alone: bool,
    pub(super) forward: Forward<'a>,
    pub(super) examples: usize,
    pub(super) steps_per_epoch: usize,
    pub(super) trainer: Trainer,
    pub(super) shuffle: Stream,
    /// The shuffles' stream before the epoch under way.
    pub(super) shuffle_before: (u64, u64),
    pub(super) progress: Progress,
    /// The weights of the best validation so far.
    pub(super) best: Vec<(String, Tensor)>,
    /// Whether the user's code has ended it.
    ended: bool,
    interrupted: bool,
    pub(super) course: Course,
    /// Where nobody chose a posterior.
    pub(super) automatic: Option<Automatic<'a, M>>,
    /// The likelihood's variables that are found beside it rather than trained.
    pub(super) noise: Vec<String>,
    /// What a checkpoint says of how the run was started; empty where none are kept.
    pub(super) settings: Settings,
}

impl<'a, L: Likelihood, M: BayesianModule + ?Sized> Run<'a, L, M> {
    pub(super) fn new(
        fit: &'a Fit<L>,
        net: &'a M,
        vs: &'a VarStore,
        data: &'a dyn Dataset,
        alone: bool,
        forward: Forward<'a>,
    ) -> Result<Self> {
        let examples = data.len();
        let shuffle = Stream::new();
        let mut trainer = Trainer::shared(Arc::clone(&fit.optimiser), examples)?;
        trainer.clip = fit.clip;
        trainer.estimator = Estimator::LocalReparameterization;
        trainer.processes = fit.processes.clone().filter(|group| group.size() > 1);
        let automatic = if fit.optimiser.needs_draws() { None } else { Automatic::of(net) };
        trainer.means = automatic.is_some();
        for (prefix, factor) in &fit.groups {
            trainer.group(prefix, *factor);
        }
        let mut run = Run {
            fit,
            net,
            vs,
            data,
            alone,
            forward,
            examples,
            steps_per_epoch: examples.div_ceil(fit.batch_size),
            trainer,
            shuffle_before: shuffle.position(),
            shuffle,
            progress: Progress {
                processes: fit.processes.as_ref().map_or(1, |group| group.size()),
                ..Progress::default()
            },
            best: Vec::new(),
            ended: false,
            interrupted: false,
            course: Course { settled: None, epochs: None },
            automatic,
            noise: Vec::new(),
            settings: Settings::new(),
        };
        run.check_alike()?;
        if let Some(checkpoints) = &fit.checkpoints {
            run.settings = run.settings()?;
            let prepared = run.by_rank_0(|| checkpoints.prepare());
            let resumed = prepared.and_then(|()| run.resume(checkpoints));
            run.agree("resume", resumed)?;
            run.check_resumed()?;
        }
        if !fit.logs.is_empty() {
            let begun = run.by_rank_0(|| fit.logs.begin(&fit.watch.names(), &run.progress.epochs));
            run.agree("log", begun)?;
        }
        if run.progress.starts.is_empty() {
            run.progress.starts = convergence::starts(net);
        }
        Ok(run)
    }

    /// How many epochs there will be, as far as that is known.
    fn epochs(&self) -> Option<usize> {
        self.fit.epochs.or(self.course.epochs)
    }

    /// How many steps there will be, as far as that is known.
    pub(super) fn steps(&self) -> Option<usize> {
        self.epochs().map(|epochs| epochs.saturating_mul(self.steps_per_epoch))
    }

    /// All epochs that are left.
    pub(super) fn run(mut self, bar: &ProgressBar) -> Result<History> {
        bar.set_position(self.progress.step as u64);
        self.hold_noise()?;
        let done = |run: &Self| run.epochs().is_some_and(|epochs| run.progress.epochs.len() >= epochs);
        while !self.interrupted && !done(&self) && !self.is_over() {
            self.epoch(bar)?;
        }
        let convergence = Convergence::of(&self.way());
        if let Some(automatic) = &self.automatic {
            automatic.make_points();
        }
        let mut remarks = Vec::new();
        if !self.interrupted {
            self.save_unless_saved()?;
            self.take_best();
            remarks = self.find_spread()?;
            remarks.extend(self.scale_was_not_found());
            self.interrupted = self.group().is_none() && self.automatic.is_some() && self.is_interrupted();
        }
        bar.finish_and_clear();
        let best_epoch = self.progress.best.map(|(epoch, _)| epoch);
        let advice =
            if self.interrupted { None } else { course::advice(&self.progress.epochs, &convergence) };
        for sentence in advice.iter().chain(&remarks) {
            tracing::warn!(target: "illia::fit", "{sentence}");
        }
        let Progress { epochs, .. } = self.progress;
        Ok(History { epochs, best_epoch, interrupted: self.interrupted, advice, convergence, remarks })
    }

    /// Whether somebody wants the run to end.
    pub(super) fn is_interrupted(&self) -> bool {
        self.fit.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    fn way(&self) -> Way<'_, M> {
        Way {
            net: self.net,
            starts: &self.progress.starts,
            records: &self.progress.epochs,
            optimiser: &*self.trainer.optimiser,
            state: &self.trainer.state,
            examples: self.examples,
            means: self.automatic.is_some(),
        }
    }

    fn epoch(&mut self, bar: &ProgressBar) -> Result<()> {
        let start = Instant::now();
        let epoch = self.progress.epochs.len() + 1;
        self.shuffle_before = self.shuffle.position();
        self.data.set_epoch(epoch as u64 - 1);
        let order = shuffled(self.examples, &self.shuffle)?;
        let mut record = self.progress.partial.take().unwrap_or(EpochRecord { epoch, ..Default::default() });
        let before = record.seconds;
        let mut batches =
            order.chunks(self.fit.batch_size.min(self.examples)).skip(self.progress.batches).peekable();
        while let Some(rows) = batches.next() {
            let kl_weight = self.fit.kl.weight(epoch - 1, self.progress.batches, self.steps_per_epoch);
            let kl_weight = checked("kl weight", kl_weight)?;
            let rate = self.fit.step_size.unwrap_or(self.fit.optimiser.learning_rate());
            self.trainer.learning_rate =
                rate * checked("learning rate schedule", self.learning_rate_factor())?;
            let next = batches.peek().copied();
            self.trainer.signal = self.is_interrupted();
            let terms = self.one_step(rows, next, kl_weight).map_err(|e| self.located(e, epoch))?;
            let steps = self.steps_per_epoch as f64;
            record.nll += terms.nll * rows.len() as f64 / self.examples as f64;
            record.loss += (terms.nll + kl_weight * terms.kl / self.examples as f64) / steps;
            record.kl_weight += kl_weight / steps;
            record.kl = terms.kl;
            record.learning_rate = self.trainer.learning_rate;
            self.progress.usual = self.trainer.usual;
            record.seconds = before + start.elapsed().as_secs_f64();
            self.progress.step += 1;
            self.progress.batches += 1;
            bar.inc(1);
            // Of several processes none may end before all know.
            let interrupted =
                if self.group().is_some() { self.trainer.signal } else { self.is_interrupted() };
            let due = |c: &Checkpoints| interrupted || c.due_after_step(self.progress.step);
            if self.fit.checkpoints.as_ref().is_some_and(due) {
                self.progress.partial = Some(record.clone());
                self.save()?;
                self.progress.partial = None;
            }
            if interrupted {
                self.interrupted = true;
                return Ok(());
            }
        }
        self.check_same_weights()?;
        if let Some((nll, metrics)) = self.validated()? {
            (record.validation_nll, record.metrics) = (Some(nll), metrics);
        }
        record.seconds = before + start.elapsed().as_secs_f64();
        if let Some(least) = self.fit.watch.least(&record)
            && least.is_finite()
            && self.progress.best.is_none_or(|(_, best)| least < best)
        {
            self.progress.best = Some((epoch, least));
            self.best = self.snapshot();
        }
        let message = record.in_short();
        self.ended = self.fit.watch.tell(&record);
        if !self.fit.logs.is_empty() {
            let added = self.by_rank_0(|| self.fit.logs.add(&self.fit.watch.names(), &record));
            self.agree("log", added)?;
        }
        self.progress.epochs.push(record);
        self.find_noise()?;
        if self.scale_is_due() {
            self.find_scale()?;
        }
        if bar.is_shown() {
            let of = self.epochs().map_or(String::new(), |epochs| format!("/{epochs}"));
            bar.set_message(format!("epoch {epoch}{of}: {message}{}", self.way().in_short()));
        }
        if self.fit.epochs.is_none() && self.course.epochs.is_none() {
            self.course = Course::of(&self.progress.epochs, self.steps_per_epoch);
            bar.set_length(self.steps().unwrap_or_default() as u64);
        }
        self.progress.batches = 0;
        self.shuffle_before = self.shuffle.position();
        if self.fit.checkpoints.as_ref().is_some_and(|c| c.due_after_epoch(epoch)) {
            self.save()?;
        }
        Ok(())
    }

    pub(super) fn learning_rate_factor(&self) -> f64 {
        let epochs = self.progress.step as f64 / self.steps_per_epoch as f64;
        match (self.fit.learning_rate, self.steps()) {
            (Some(schedule), steps) => {
                schedule.factor(self.progress.step, self.steps_per_epoch, steps.unwrap_or_default())
            }
            (None, Some(steps)) if self.fit.epochs.is_some() => {
                RateSchedule::Cosine.factor(self.progress.step, self.steps_per_epoch, steps)
            }
            (None, _) => self.course.factor(epochs),
        }
    }

    fn one_step(&mut self, rows: &[i64], next: Option<&[i64]>, kl_weight: f64) -> Result<Terms> {
        let examples = rows.len();
        // The means are the same in all draws.
        let draws = if self.automatic.is_some() { 1 } else { self.fit.draws };
        let own = |rows: usize| match self.group() {
            Some(group) => Shard::of(rows, group.rank(), group.size()),
            None => Shard::of(rows, 0, 1),
        };
        let (shard, next) = (own(examples), next.map(|next| own(next.len()).of_rows(next)));
        // As many in all processes, by the largest shard.
        let largest = examples.div_ceil(self.group().map_or(1, |group| group.size()));
        let parts = largest.div_ceil(self.fit.micro_batch.unwrap_or(largest));
        self.trainer.shard = self.group().map(|_| shard);
        let (missing, key) = (self.progress.missing_noise, self.key_of_step());
        let Run { fit, net, vs, trainer, forward, data, .. } = self;
        // What goes wrong with a process's data goes wrong within its step, of which the others are told.
        let load = || {
            let own = shard.of_rows(rows);
            let batch = data.batch(own)?;
            batch.check(own.len())?;
            if let Some(next) = next {
                data.prefetch(next);
            }
            batch.to_device(vs.device())
        };
        let mut loaded = Some(load());
        trainer.step_parts(*net, vs, kl_weight, draws, parts, &mut |part| {
            let whole = loaded.take().unwrap_or_else(&load)?;
            let part = shard.part(part, parts);
            let batch = part.of_batch(&whole, shard);
            loaded = Some(Ok(whole));
            let output = forward(&batch.inputs, true)?;
            let target = match missing {
                Some(missing) => noisier(
                    &fit.likelihood,
                    &output,
                    &batch.target,
                    missing,
                    Key { draw: key.draw.wrapping_sub(part.first as u64), ..key },
                )?,
                None => batch.target.shallow_clone(),
            };
            let nll = mean_nll(&fit.likelihood.log_likelihood(&output, &target)?);
            Ok(if part.rows == examples { nll } else { nll * part.share() })
        })
    }

    /// Says when a term stopped being a number.
    fn located(&self, error: Error, epoch: usize) -> Error {
        match error {
            Error::NonFinite { term, value, .. } => {
                Error::NonFinite { epoch, step: self.progress.step + 1, term, value }
            }
            other => other,
        }
    }

    fn snapshot(&self) -> Vec<(String, Tensor)> {
        self.vs.variables().into_iter().map(|(name, variable)| (name, variable.detach().copy())).collect()
    }

    fn is_over(&self) -> bool {
        if self.ended {
            return true;
        }
        let Some(patience) = self.fit.patience else { return false };
        // Where no epoch had a number to go by, none was the best.
        let best = self.progress.best.map_or(0, |(epoch, _)| epoch);
        self.progress.epochs.len() >= best.saturating_add(patience)
    }

    /// Gives the model the best weights, if validation chose some.
    fn take_best(&self) {
        let _no_grad = tch::no_grad_guard();
        let variables = self.vs.variables();
        for (name, weights) in &self.best {
            if let Some(variable) = variables.get(name) {
                variable.shallow_clone().copy_(weights);
            }
        }
        if !self.best.is_empty() {
            for parameter in self.net.parameters() {
                parameter.forget_latest();
            }
        }
    }
}
