//! Training: mini-batches, epochs, validation, early stopping, a progress bar and a history.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use tch::nn::{ModuleT, VarStore};
use tch::{Kind, Tensor};

use crate::error::{Error, Result};
use crate::likelihood::Likelihood;
use crate::module::BayesianModule;
use crate::noise::{self, Stream};
use crate::optimiser::Adam;
use crate::predict::Predict;
use crate::schedule::KlSchedule;
use crate::trainer::{Trainer, mean_nll};

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
    /// What the full learning rate is multiplied by at `step` (from 0) of `steps` in all.
    fn factor(self, step: usize, steps_per_epoch: usize, steps: usize) -> f64 {
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

/// What one epoch came to.
#[derive(Debug, Clone, PartialEq)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// The mean negative log-likelihood over the epoch's examples, in nats per example, each at the draw of its step.
    pub nll: f64,
    /// KL(posterior ‖ prior) at the end of the epoch, in nats.
    pub kl: f64,
    /// What multiplied KL / N, on average.
    pub kl_weight: f64,
    /// nll + kl_weight * KL / N, averaged over the epoch's steps, in nats per example: what was minimised.
    pub loss: f64,
    /// The negative log predictive density on the validation set, in nats per example.
    pub validation_nll: Option<f64>,
    /// How long the epoch took, validation included.
    pub seconds: f64,
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The epochs in order.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose weights the model has now, if validation chose one.
    pub best_epoch: Option<usize>,
}

/// Trains a model by stochastic variational inference.
///
/// The objective is the negative ELBO per example: the batch's mean negative log-likelihood plus
/// `kl weight * KL / N`, with N the number of training examples (Blundell et al. 2015; Graves 2011). Nobody scales the
/// KL by hand.
///
/// ```no_run
/// use illia_core::likelihood::Categorical;
/// use illia_core::nn::{Linear, LinearConfig};
/// use illia_core::Fit;
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let net = Linear::new(vs.root(), 64, 10, LinearConfig::default());
/// let x = Tensor::rand([1000, 64], (Kind::Float, Device::Cpu));
/// let y = Tensor::randint(10, [1000], (Kind::Int64, Device::Cpu));
/// let history = Fit::new(Categorical).epochs(5).batch_size(64).run(&net, &vs, &x, &y)?;
/// println!("{:.3} nats per example", history.epochs[4].nll);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Fit<L> {
    likelihood: L,
    epochs: usize,
    batch_size: usize,
    samples: usize,
    adam: Adam,
    learning_rate: LearningRate,
    kl: KlSchedule,
    validation: Option<(Tensor, Tensor)>,
    validation_draws: usize,
    patience: Option<usize>,
    progress: bool,
}

impl<L: Likelihood> Fit<L> {
    /// 20 epochs of batches of 64, one draw a step, Adam at 1e-3, the KL in full.
    pub fn new(likelihood: L) -> Self {
        Fit {
            likelihood,
            epochs: 20,
            batch_size: 64,
            samples: 1,
            adam: Adam::default(),
            learning_rate: LearningRate::default(),
            kl: KlSchedule::Constant(1.0),
            validation: None,
            validation_draws: 16,
            patience: None,
            progress: true,
        }
    }

    /// How many times the training set is gone through.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = epochs;
        self
    }

    /// How many examples a step sees; the last batch of an epoch may be smaller.
    #[must_use]
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.batch_size = batch_size;
        self
    }

    /// How many draws the likelihood is averaged over in each step; 1 is the custom.
    #[must_use]
    pub fn samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// Adam's step size.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.adam.learning_rate = learning_rate;
        self
    }

    /// How the step size changes over the run.
    #[must_use]
    pub fn learning_rate_schedule(mut self, schedule: LearningRate) -> Self {
        self.learning_rate = schedule;
        self
    }

    /// All of Adam's settings.
    #[must_use]
    pub fn adam(mut self, adam: Adam) -> Self {
        self.adam = adam;
        self
    }

    /// What multiplies KL / N over the run.
    #[must_use]
    pub fn kl(mut self, schedule: KlSchedule) -> Self {
        self.kl = schedule;
        self
    }

    /// Measures the negative log predictive density on these examples after each epoch; the model ends with the
    /// weights of the best epoch.
    #[must_use]
    pub fn validation(mut self, x: &Tensor, y: &Tensor) -> Self {
        self.validation = Some((x.shallow_clone(), y.shallow_clone()));
        self
    }

    /// How many draws the validation averages over; 16 by default.
    #[must_use]
    pub fn validation_draws(mut self, draws: usize) -> Self {
        self.validation_draws = draws;
        self
    }

    /// Stops after this many epochs without a better validation.
    #[must_use]
    pub fn patience(mut self, epochs: usize) -> Self {
        self.patience = Some(epochs);
        self
    }

    /// Whether a progress bar is shown when standard error is a terminal; true by default.
    #[must_use]
    pub fn progress(mut self, shown: bool) -> Self {
        self.progress = shown;
        self
    }

    fn validate(&self, examples: usize, targets: usize) -> Result<()> {
        let at_least_one = [
            ("epochs", self.epochs),
            ("batch_size", self.batch_size),
            ("samples", self.samples),
            ("validation_draws", self.validation_draws),
            ("patience", self.patience.unwrap_or(1)),
            ("examples", examples),
        ];
        for (name, value) in at_least_one {
            if value == 0 {
                return Err(Error::configuration(name, value, "at least 1"));
            }
        }
        if examples != targets {
            let allowed = format!("one for each of the {examples} examples");
            return Err(Error::configuration("targets", targets, &allowed));
        }
        if self.patience.is_some() && self.validation.is_none() {
            return Err(Error::configuration("patience", "set", "only together with validation"));
        }
        self.kl.validate()?;
        self.adam.validate()
    }

    /// Trains `net`, whose variables are `vs`'s, on examples `x` `[N, ..]` and targets `y` `[N, ..]`.
    ///
    /// # Errors
    /// [`Error::Configuration`] for settings or sizes that make no run; [`Error::NonFinite`] when a term of the
    /// objective stops being a number, with the weights as they were before that step; what the likelihood
    /// returns for outputs or targets that it does not fit.
    pub fn run<M: BayesianModule + ModuleT>(
        &self,
        net: &M,
        vs: &VarStore,
        x: &Tensor,
        y: &Tensor,
    ) -> Result<History> {
        let rows = |t: &Tensor| t.size().first().map_or(0, |&n| n.max(0) as usize);
        self.validate(rows(x), rows(y))?;
        let mut run = Run::new(self, net, vs, x, y)?;
        let bar = self.progress_bar(run.steps_per_epoch);
        while run.history.epochs.len() < self.epochs && !run.is_over() {
            run.epoch(&bar)?;
        }
        bar.finish_and_clear();
        run.finish();
        Ok(run.history)
    }

    /// A bar over all steps; hidden unless standard error is a terminal.
    fn progress_bar(&self, steps_per_epoch: usize) -> ProgressBar {
        if !self.progress {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new((self.epochs * steps_per_epoch) as u64);
        let template = "{msg:<44} {wide_bar:.cyan/dim} {elapsed} < {eta}";
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        bar
    }
}

/// A run under way.
struct Run<'a, L, M> {
    fit: &'a Fit<L>,
    net: &'a M,
    vs: &'a VarStore,
    x: Tensor,
    y: Tensor,
    examples: usize,
    steps_per_epoch: usize,
    trainer: Trainer,
    shuffle: Stream,
    step: usize,
    history: History,
    best: Option<Best>,
}

/// The best validation so far, and the weights it was measured with.
struct Best {
    epoch: usize,
    nll: f64,
    weights: Vec<(String, Tensor)>,
}

impl<'a, L: Likelihood, M: BayesianModule + ModuleT> Run<'a, L, M> {
    fn new(fit: &'a Fit<L>, net: &'a M, vs: &'a VarStore, x: &Tensor, y: &Tensor) -> Result<Self> {
        let examples = x.size().first().map_or(0, |&n| n as usize);
        Ok(Run {
            fit,
            net,
            vs,
            x: x.shallow_clone(),
            y: y.shallow_clone(),
            examples,
            steps_per_epoch: examples.div_ceil(fit.batch_size),
            trainer: Trainer::new(fit.adam, examples)?,
            shuffle: Stream::new(),
            step: 0,
            history: History::default(),
            best: None,
        })
    }

    fn epoch(&mut self, bar: &ProgressBar) -> Result<()> {
        let start = Instant::now();
        let epoch = self.history.epochs.len() + 1;
        let order = self.order();
        let (mut nll, mut loss, mut weights, mut kl) = (0.0, 0.0, 0.0, 0.0);
        for (i, rows) in order.split(self.fit.batch_size as i64, 0).iter().enumerate() {
            let kl_weight = self.fit.kl.weight(epoch - 1, i, self.steps_per_epoch);
            self.trainer.adam.learning_rate = self.fit.adam.learning_rate * self.learning_rate_factor();
            let terms = self.one_step(rows, kl_weight).map_err(|e| self.located(e, epoch))?;
            self.step += 1;
            let share = rows.numel() as f64 / self.examples as f64;
            nll += terms.nll * share;
            loss += (terms.nll + kl_weight * terms.kl / self.examples as f64) / self.steps_per_epoch as f64;
            weights += kl_weight / self.steps_per_epoch as f64;
            kl = terms.kl;
            bar.inc(1);
        }
        let validation_nll = self.validation_nll()?;
        let seconds = start.elapsed().as_secs_f64();
        self.history.epochs.push(EpochRecord {
            epoch,
            nll,
            kl,
            kl_weight: weights,
            loss,
            validation_nll,
            seconds,
        });
        let validation = validation_nll.map_or(String::new(), |nll| format!(", validation {nll:.4}"));
        bar.set_message(format!("epoch {epoch}/{}: nll {nll:.4}{validation}", self.fit.epochs));
        if let Some(nll) = validation_nll
            && self.best.as_ref().is_none_or(|best| nll < best.nll)
        {
            self.best = Some(Best { epoch, nll, weights: self.snapshot() });
        }
        Ok(())
    }

    /// The rows in this epoch's order, the same for a seed on any number of threads.
    fn order(&self) -> Tensor {
        let n = [self.examples as i64];
        noise::uniforms(self.shuffle.next_key(), &n, Kind::Double, tch::Device::Cpu).argsort(0, false)
    }

    fn learning_rate_factor(&self) -> f64 {
        let steps = self.fit.epochs * self.steps_per_epoch;
        self.fit.learning_rate.factor(self.step, self.steps_per_epoch, steps)
    }

    fn one_step(&mut self, rows: &Tensor, kl_weight: f64) -> Result<crate::Terms> {
        let device = self.vs.device();
        let batch = |t: &Tensor| {
            t.f_index_select(0, &rows.to_device(t.device()))
                .map(|t| t.to_device(device))
                .map_err(|e| Error::torch("batch", &e))
        };
        let (x, y) = (batch(&self.x)?, batch(&self.y)?);
        let Run { fit, net, vs, trainer, .. } = self;
        trainer.step_samples(*net, vs, kl_weight, fit.samples, || {
            let output = net.forward_t(&x, true);
            Ok(mean_nll(&fit.likelihood.log_likelihood(&output, &y)?))
        })
    }

    /// Says when a term stopped being a number.
    fn located(&self, error: Error, epoch: usize) -> Error {
        match error {
            Error::NonFinite { term, value, .. } => {
                Error::NonFinite { epoch, step: self.step + 1, term, value }
            }
            other => other,
        }
    }

    fn validation_nll(&self) -> Result<Option<f64>> {
        let Some((x, y)) = &self.fit.validation else { return Ok(None) };
        let prediction =
            Predict::new().draws(self.fit.validation_draws).run(self.net, &x.to_device(self.vs.device()))?;
        let log_density = prediction.log_predictive(&self.fit.likelihood, &y.to_device(self.vs.device()))?;
        Ok(Some(-log_density.mean(Kind::Double).double_value(&[])))
    }

    fn snapshot(&self) -> Vec<(String, Tensor)> {
        self.vs.variables().into_iter().map(|(name, variable)| (name, variable.detach().copy())).collect()
    }

    fn is_over(&self) -> bool {
        let (Some(patience), Some(best)) = (self.fit.patience, &self.best) else { return false };
        self.history.epochs.len() >= best.epoch + patience
    }

    /// Gives the model the best weights, if validation chose some.
    fn finish(&mut self) {
        let Some(best) = &self.best else { return };
        let variables = self.vs.variables();
        tch::no_grad(|| {
            for (name, weights) in &best.weights {
                if let Some(variable) = variables.get(name) {
                    variable.shallow_clone().copy_(weights);
                }
            }
        });
        self.history.best_epoch = Some(best.epoch);
    }
}
