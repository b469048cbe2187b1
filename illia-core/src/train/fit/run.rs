//! A run under way.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tch::nn::{ModuleT, VarStore};
use tch::{Kind, Tensor};

use super::{EpochRecord, Fit, History};
use crate::checkpoint::{Checkpoints, Progress, Training};
use crate::error::{Error, Result, Unusable, caught};
use crate::likelihood::Likelihood;
use crate::module::{BayesianModule, Visitor};
use crate::noise::{self, Stream};
use crate::predict::Predict;
use crate::progress::ProgressBar;
use crate::train::trainer::{Terms, Trainer, mean_nll};

pub(super) struct Run<'a, L, M> {
    fit: &'a Fit<L>,
    net: &'a M,
    vs: &'a VarStore,
    x: Tensor,
    y: Tensor,
    examples: usize,
    steps_per_epoch: usize,
    trainer: Trainer,
    shuffle: Stream,
    /// The shuffles' stream before the epoch under way.
    shuffle_before: (u64, u64),
    progress: Progress,
    /// The weights of the best validation so far.
    best: Vec<(String, Tensor)>,
    interrupted: bool,
}

impl<'a, L: Likelihood, M: BayesianModule + ModuleT> Run<'a, L, M> {
    pub(super) fn new(fit: &'a Fit<L>, net: &'a M, vs: &'a VarStore, x: &Tensor, y: &Tensor) -> Result<Self> {
        let examples = x.size().first().map_or(0, |&n| n as usize);
        let shuffle = Stream::new();
        let mut run = Run {
            fit,
            net,
            vs,
            x: x.shallow_clone(),
            y: y.shallow_clone(),
            examples,
            steps_per_epoch: examples.div_ceil(fit.batch_size),
            trainer: Trainer::new(fit.adam, examples)?,
            shuffle_before: shuffle.position(),
            shuffle,
            progress: Progress::default(),
            best: Vec::new(),
            interrupted: false,
        };
        if let Some(checkpoints) = &fit.checkpoints {
            checkpoints.prepare()?;
            run.resume(checkpoints)?;
        }
        Ok(run)
    }

    pub(super) fn steps(&self) -> usize {
        self.fit.epochs.saturating_mul(self.steps_per_epoch)
    }

    /// All epochs that are left.
    pub(super) fn run(mut self, bar: &ProgressBar) -> Result<History> {
        bar.set_position(self.progress.step as u64);
        while !self.interrupted && self.progress.epochs.len() < self.fit.epochs && !self.is_over() {
            self.epoch(bar)?;
        }
        if !self.interrupted {
            self.save_unless_saved()?;
            self.take_best();
        }
        bar.finish_and_clear();
        let best_epoch = self.progress.best.map(|(epoch, _)| epoch);
        Ok(History { epochs: self.progress.epochs, best_epoch, interrupted: self.interrupted })
    }

    fn epoch(&mut self, bar: &ProgressBar) -> Result<()> {
        let start = Instant::now();
        let epoch = self.progress.epochs.len() + 1;
        self.shuffle_before = self.shuffle.position();
        let order = self.order();
        let mut record = self.progress.partial.take().unwrap_or(EpochRecord { epoch, ..Default::default() });
        let before = record.seconds;
        let batches = order.split(self.fit.batch_size.min(self.examples) as i64, 0);
        for rows in batches.iter().skip(self.progress.batches) {
            let kl_weight = self.fit.kl.weight(epoch - 1, self.progress.batches, self.steps_per_epoch);
            self.trainer.adam.learning_rate = self.fit.adam.learning_rate * self.learning_rate_factor();
            let terms = self.one_step(rows, kl_weight).map_err(|e| self.located(e, epoch))?;
            let steps = self.steps_per_epoch as f64;
            record.nll += terms.nll * rows.numel() as f64 / self.examples as f64;
            record.loss += (terms.nll + kl_weight * terms.kl / self.examples as f64) / steps;
            record.kl_weight += kl_weight / steps;
            record.kl = terms.kl;
            record.seconds = before + start.elapsed().as_secs_f64();
            self.progress.step += 1;
            self.progress.batches += 1;
            bar.inc(1);
            let interrupted = self.fit.interrupt.as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed));
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
        record.validation_nll = self.validation_nll()?;
        record.seconds = before + start.elapsed().as_secs_f64();
        let validation = record.validation_nll.map_or(String::new(), |nll| format!(", validation {nll:.4}"));
        bar.set_message(format!("epoch {epoch}/{}: nll {:.4}{validation}", self.fit.epochs, record.nll));
        if let Some(nll) = record.validation_nll
            && nll.is_finite()
            && self.progress.best.is_none_or(|(_, best)| nll < best)
        {
            self.progress.best = Some((epoch, nll));
            self.best = self.snapshot();
        }
        self.progress.epochs.push(record);
        self.progress.batches = 0;
        self.shuffle_before = self.shuffle.position();
        if self.fit.checkpoints.as_ref().is_some_and(|c| c.due_after_epoch(epoch)) {
            self.save()?;
        }
        Ok(())
    }

    /// The rows in this epoch's order, the same for a seed on any number of threads.
    fn order(&self) -> Tensor {
        let n = [self.examples as i64];
        noise::uniforms(self.shuffle.next_key(), &n, Kind::Double, tch::Device::Cpu).argsort(0, false)
    }

    fn learning_rate_factor(&self) -> f64 {
        self.fit.learning_rate.factor(self.progress.step, self.steps_per_epoch, self.steps())
    }

    fn one_step(&mut self, rows: &Tensor, kl_weight: f64) -> Result<Terms> {
        let device = self.vs.device();
        let batch = |t: &Tensor| {
            t.f_index_select(0, &rows.to_device(t.device()))
                .map(|t| t.to_device(device))
                .map_err(|e| Error::torch("batch", &e))
        };
        let (x, y) = (batch(&self.x)?, batch(&self.y)?);
        let Run { fit, net, vs, trainer, .. } = self;
        trainer.step_samples(*net, vs, kl_weight, fit.samples, || {
            let output = caught(|| net.forward_t(&x, true))?;
            Ok(mean_nll(&fit.likelihood.log_likelihood(&output, &y)?))
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

    fn validation_nll(&self) -> Result<Option<f64>> {
        let Some((x, y)) = &self.fit.validation else { return Ok(None) };
        let (x, y) = (x.to_device(self.vs.device()), y.to_device(self.vs.device()));
        let prediction = Predict::new().draws(self.fit.validation_draws).run(self.net, &x)?;
        let log_density = prediction.log_predictive(&self.fit.likelihood, &y)?;
        Ok(Some(-log_density.mean(Kind::Double).double_value(&[])))
    }

    fn snapshot(&self) -> Vec<(String, Tensor)> {
        self.vs.variables().into_iter().map(|(name, variable)| (name, variable.detach().copy())).collect()
    }

    fn is_over(&self) -> bool {
        let (Some(patience), Some((best, _))) = (self.fit.patience, self.progress.best) else { return false };
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
            self.net.visit(&mut Visitor::new(&mut |_, parameter| parameter.forget_latest()));
        }
    }

    fn training(&self) -> Training<'a, M> {
        let settings = [
            ("the number of examples", self.examples),
            ("the batch size", self.fit.batch_size),
            ("the number of draws a step", self.fit.samples),
        ];
        let settings: BTreeMap<_, _> =
            settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect();
        Training { net: self.net, vs: self.vs, settings }
    }

    fn save(&self) -> Result<()> {
        let Some(checkpoints) = &self.fit.checkpoints else { return Ok(()) };
        let path = checkpoints.path(self.progress.step);
        let state = &self.trainer.state;
        self.training().write(&path, state, &self.progress, self.shuffle_before, &self.best)?;
        checkpoints.prune()
    }

    fn save_unless_saved(&self) -> Result<()> {
        match &self.fit.checkpoints {
            Some(checkpoints) if !checkpoints.path(self.progress.step).exists() => self.save(),
            _ => Ok(()),
        }
    }

    /// Goes on from the newest checkpoint that is whole, if there is one.
    fn resume(&mut self, checkpoints: &Checkpoints) -> Result<()> {
        let mut newest: Option<Error> = None;
        for path in checkpoints.list()?.iter().rev() {
            if !self.fit.resume {
                return Err(checkpoints.taken());
            }
            match self.training().read(path) {
                Ok(resumed) => {
                    self.progress = resumed.progress;
                    self.trainer.state = resumed.adam;
                    self.best = resumed.best;
                    self.shuffle.restore(resumed.shuffle);
                    self.shuffle_before = resumed.shuffle;
                    return Ok(());
                }
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
}
