//! Training: mini-batches, epochs, validation, early stopping, a progress bar, checkpoints and a history.

mod automatic;
mod convergence;
mod course;
mod events;
mod evidence;
mod found;
mod history;
mod log;
mod mode;
mod noise;
#[cfg(feature = "plot")]
mod picture;
mod resume;
mod run;
mod settle;
mod shuffle;
mod together;
mod watch;

pub use convergence::Convergence;
pub use history::{EpochRecord, History};
pub use watch::Best;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tch::Tensor;
use tch::nn::{ModuleT, VarStore};

use crate::checkpoint::Checkpoints;
use crate::data::{Dataset, Tensors};
use crate::error::{Error, Result, caught};
use crate::likelihood::Likelihood;
use crate::module::BayesianModule;
use crate::pass::forward;
use crate::processes::ProcessGroup;
use crate::progress::ProgressBar;
use crate::train::Clip;
use crate::train::KlSchedule;
use crate::train::RateSchedule;
use crate::train::optim::{Adam, Optimiser};
use log::Logs;
use run::Run;
use watch::Watch;

/// Trains a model: by stochastic variational inference, or, where nobody chose a posterior, to the mode with Laplace's approximation
/// of the last layer ([`Posterior::Automatic`](crate::Posterior::Automatic)).
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
    epochs: Option<usize>,
    batch_size: usize,
    draws: usize,
    micro_batch: Option<usize>,
    optimiser: Arc<dyn Optimiser>,
    step_size: Option<f64>,
    clip: Clip,
    groups: Vec<(String, f64)>,
    learning_rate: Option<RateSchedule>,
    kl: KlSchedule,
    validation: Option<(Vec<Tensor>, Tensor)>,
    validation_draws: usize,
    patience: Option<usize>,
    progress: bool,
    checkpoints: Option<Checkpoints>,
    resume: bool,
    allow_changes: bool,
    interrupt: Option<Arc<AtomicBool>>,
    processes: Option<Arc<dyn ProcessGroup>>,
    watch: Watch,
    logs: Logs,
}

impl<L: Likelihood> Fit<L> {
    /// Batches of 64, one draw a step, Adam at 3e-3, the KL in full, for as long as it takes: the step size falls to 0 once the
    /// objective has settled, after 10,000 steps at the latest, over as many steps again.
    pub fn new(likelihood: L) -> Self {
        Fit {
            likelihood,
            epochs: None,
            batch_size: 64,
            draws: 1,
            micro_batch: None,
            optimiser: Arc::new(Adam { learning_rate: 3e-3, ..Adam::default() }),
            step_size: None,
            clip: Clip::default(),
            groups: Vec::new(),
            learning_rate: None,
            kl: KlSchedule::Constant(1.0),
            validation: None,
            validation_draws: 16,
            patience: None,
            progress: true,
            checkpoints: None,
            resume: false,
            allow_changes: false,
            interrupt: None,
            processes: None,
            watch: Watch::default(),
            logs: Logs::default(),
        }
    }

    /// How many times the training set is gone through. The step size then falls to 0 over these epochs along half a cosine,
    /// unless a [`learning_rate_schedule`](Self::learning_rate_schedule) says otherwise.
    #[must_use]
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.epochs = Some(epochs);
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
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// How many examples go through the net at a time, where that is less than the batch: their gradients are added up, so that
    /// the step is that of the batch in the memory of the part. Batch norms see the parts.
    #[must_use]
    pub fn micro_batch(mut self, examples: usize) -> Self {
        self.micro_batch = Some(examples);
        self
    }

    /// The optimiser's step size.
    #[must_use]
    pub fn learning_rate(mut self, learning_rate: f64) -> Self {
        self.step_size = Some(learning_rate);
        self
    }

    /// How the step size changes over the run: one of the library's schedules, or a [`Schedule`](crate::Schedule) of your own.
    #[must_use]
    pub fn learning_rate_schedule(mut self, schedule: impl Into<RateSchedule>) -> Self {
        self.learning_rate = Some(schedule.into());
        self
    }

    /// The optimiser, with all of its settings; [`Adam`] where none is said.
    #[must_use]
    pub fn optimiser(mut self, optimiser: impl Optimiser + 'static) -> Self {
        self.optimiser = Arc::new(optimiser);
        self.step_size = None;
        self
    }

    /// What is done to large gradients; [`Clip::default`] where nothing is said.
    #[must_use]
    pub fn clip(mut self, clip: Clip) -> Self {
        self.clip = clip;
        self
    }

    /// Multiplies the step size of every variable whose name starts with `prefix`; 0 holds them where they are
    /// ([`Trainer::group`](crate::Trainer::group)).
    #[must_use]
    pub fn group(mut self, prefix: &str, factor: f64) -> Self {
        self.groups.push((prefix.to_owned(), factor));
        self
    }

    /// What multiplies KL / N over the run: one of the library's schedules, or a [`Schedule`](crate::Schedule) of your own.
    #[must_use]
    pub fn kl(mut self, schedule: impl Into<KlSchedule>) -> Self {
        self.kl = schedule.into();
        self
    }

    /// Measures the negative log predictive density on these examples after each epoch; the model ends with the
    /// weights of the best epoch. An epoch whose density is no finite number is never the best.
    #[must_use]
    pub fn validation(mut self, x: &Tensor, y: &Tensor) -> Self {
        self.validation = Some((vec![x.shallow_clone()], y.shallow_clone()));
        self
    }

    /// The same for a net of several inputs, each `[examples, ..]`.
    #[must_use]
    pub fn validation_with(mut self, inputs: &[Tensor], y: &Tensor) -> Self {
        self.validation = Some((inputs.iter().map(Tensor::shallow_clone).collect(), y.shallow_clone()));
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

    /// Keeps checkpoints of the whole run: model, optimiser, history, best weights, shuffle and noise.
    #[must_use]
    pub fn checkpoints(mut self, checkpoints: Checkpoints) -> Self {
        self.checkpoints = Some(checkpoints);
        self
    }

    /// Goes on from the newest whole checkpoint, if there is one: to the bit as if the run had never stopped, given the
    /// same program, data and settings (`epochs` may have grown). A run of other data or settings is refused, in a sentence that
    /// names the first difference, unless [`allow_changes`](Self::allow_changes) is said. Without `resume`, a folder that holds
    /// another run's checkpoints is refused.
    #[must_use]
    pub fn resume(mut self, resume: bool) -> Self {
        self.resume = resume;
        self
    }

    /// Lets a run go on from a checkpoint whose data, objective or settings were others: more data, a smaller step size. What
    /// differs is said in a `tracing` warning. Only the number of examples and the batch size have to stay within an epoch.
    #[must_use]
    pub fn allow_changes(mut self, allowed: bool) -> Self {
        self.allow_changes = allowed;
        self
    }

    /// Ends the run after the step in which `flag` becomes true, with a checkpoint if those are kept: for Ctrl-C. What remains to be
    /// found after the last epoch is cut short; a run that goes on from the checkpoint finds it.
    #[must_use]
    pub fn interrupt(mut self, flag: Arc<AtomicBool>) -> Self {
        self.interrupt = Some(flag);
        self
    }

    /// Trains in several processes together, each on its part of every batch: as one process would on the whole, up to rounding. `batch_size`
    /// stays the whole batch's, and N the whole set's. The program is the same in all, from the net's construction and
    /// [`manual_seed`](crate::manual_seed) on; what differs is refused at the start, by name.
    ///
    /// A group of one changes nothing. Rank 0 writes checkpoints, into a folder that all see, and shows the bar.
    ///
    /// ```no_run
    /// # use illia_core::{Fit, likelihood::Categorical, processes::ProcessGroup};
    /// # fn fit(group: impl ProcessGroup + 'static) {
    /// // `illia_distributed::Group::from_env()?`
    /// let fit = Fit::new(Categorical).batch_size(256).processes(group);
    /// # }
    /// ```
    #[must_use]
    pub fn processes(mut self, group: impl ProcessGroup + 'static) -> Self {
        self.processes = Some(Arc::new(group));
        self
    }

    fn validate(&self, examples: usize) -> Result<()> {
        let at_least_one = [
            ("epochs", self.epochs.unwrap_or(1)),
            ("batch_size", self.batch_size),
            ("draws", self.draws),
            ("micro_batch", self.micro_batch.unwrap_or(1)),
            ("validation_draws", self.validation_draws),
            ("patience", self.patience.unwrap_or(1)),
            ("examples", examples),
        ];
        for (name, value) in at_least_one {
            if value == 0 {
                return Err(Error::configuration(name, value, "at least 1"));
            }
        }
        if let Some((inputs, y)) = &self.validation {
            let (examples, targets) = (inputs.iter().map(rows).max().unwrap_or(0), rows(y));
            if examples == 0 || inputs.iter().any(|x| rows(x) != targets) {
                let value = format!("{examples} examples and {targets} targets");
                return Err(Error::configuration("validation", value, "as many of both, and at least 1"));
            }
        }
        self.watch.validate(self.validation.is_some())?;
        if self.patience.is_some() && self.validation.is_none() {
            return Err(Error::configuration("patience", "set", "only together with validation"));
        }
        if self.resume && self.checkpoints.is_none() {
            return Err(Error::configuration("resume", true, "only together with checkpoints"));
        }
        if self.allow_changes && !self.resume {
            return Err(Error::configuration("allow_changes", true, "only together with resume"));
        }
        if let Some(checkpoints) = &self.checkpoints {
            checkpoints.validate()?;
        }
        self.clip.validate()?;
        self.kl.validate()?;
        self.learning_rate.unwrap_or_default().validate()?;
        if self.epochs.is_none()
            && self.learning_rate.is_some_and(|schedule| schedule == RateSchedule::Cosine)
        {
            let allowed = "only together with `epochs`: without them the step size falls by itself";
            return Err(Error::configuration("learning rate schedule", "Cosine", allowed));
        }
        if let Some(rate) = self.step_size.filter(|rate| !(rate.is_finite() && *rate > 0.0)) {
            return Err(Error::configuration("learning_rate", rate, "a finite number above 0"));
        }
        self.optimiser.validate()
    }

    /// Refuses a likelihood with a variable to train that is not in the store, and so would stay where it is.
    fn noise_is_in(&self, vs: &VarStore) -> Result<()> {
        let ours = vs.variables();
        let stays =
            |variable: &Tensor| variable.requires_grad() && !ours.values().any(|own| own.is_set_to(variable));
        match self.likelihood.named_variables().into_iter().find(|(_, variable)| stays(variable)) {
            None => Ok(()),
            Some((name, _)) => Err(Error::configuration(
                "likelihood",
                format!("one whose `{name}` is in another store than the net's"),
                "a learned noise is made at a path of the store that is trained, or does not want a gradient",
            )),
        }
    }

    /// Trains `net`, whose variables are `vs`'s, on examples `x` `[N, ..]` and targets `y` `[N, ..]`.
    ///
    /// # Errors
    /// [`Error::Configuration`] for settings or sizes that make no run; [`Error::NonFinite`] when a term of the
    /// objective stops being a number, with the weights as they were before that step; [`Error::Shape`] where a layer
    /// does not take the examples; what the likelihood returns for outputs or targets that it does not fit;
    /// [`Error::Checkpoint`] and [`Error::Io`] from checkpoints; [`Error::Processes`] where several
    /// [`processes`](Self::processes) are not alike, or one has failed or ended.
    pub fn run<M: BayesianModule + ModuleT>(
        &self,
        net: &M,
        vs: &VarStore,
        x: &Tensor,
        y: &Tensor,
    ) -> Result<History> {
        let examples = rows(x);
        if examples != rows(y) {
            let allowed = format!("one for each of the {examples} examples");
            return Err(Error::configuration("targets", rows(y), &allowed));
        }
        self.validate(examples)?;
        let data = Tensors::new(vec![x.shallow_clone()], y.shallow_clone())?;
        let alone = net.per_example();
        self.train(net, vs, &data, alone, &|inputs, train| match inputs {
            [x] => forward(net, x, train),
            _ => Err(Error::configuration("inputs", inputs.len(), "one; nets of several have `run_with`")),
        })
    }

    /// The same for a net of any inputs on any data set: `forward` computes the output from a batch's inputs, in training mode or
    /// not.
    ///
    /// ```no_run
    /// use illia_core::data::Tensors;
    /// use illia_core::likelihood::Categorical;
    /// use illia_core::nn::{Linear, LinearConfig};
    /// use illia_core::Fit;
    /// use tch::{Device, Kind, Tensor, nn};
    ///
    /// let vs = nn::VarStore::new(Device::Cpu);
    /// let net = Linear::new(vs.root(), 64, 10, LinearConfig::default());
    /// let float = (Kind::Float, Device::Cpu);
    /// let inputs = vec![Tensor::rand([1000, 32], float), Tensor::rand([1000, 32], float)];
    /// let data = Tensors::new(inputs, Tensor::randint(10, [1000], (Kind::Int64, Device::Cpu)))?;
    /// Fit::new(Categorical).run_with(&net, &vs, &data, |inputs, _train| net.try_forward(&Tensor::cat(inputs, 1)))?;
    /// # Ok::<(), illia_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`run`](Self::run), and what the data set and `forward` return.
    pub fn run_with<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        vs: &VarStore,
        dataset: &dyn Dataset,
        forward: impl Fn(&[Tensor], bool) -> Result<Tensor>,
    ) -> Result<History> {
        self.validate(dataset.len())?;
        self.train(net, vs, dataset, false, &|inputs, train| caught(|| forward(inputs, train))?)
    }

    fn train<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        vs: &VarStore,
        dataset: &dyn Dataset,
        alone: bool,
        forward: Forward<'_>,
    ) -> Result<History> {
        self.noise_is_in(vs)?;
        let _span = tracing::debug_span!(target: "illia::fit", "fit", examples = dataset.len()).entered();
        let run = Run::new(self, net, vs, dataset, alone, forward)?;
        let shown = self.progress && self.processes.as_ref().is_none_or(|group| group.rank() == 0);
        let bar = ProgressBar::new(run.steps().unwrap_or_default(), shown);
        run.run(&bar)
    }
}

/// What a net of any inputs makes of a batch's, in training mode or not.
pub(crate) type Forward<'a> = &'a dyn Fn(&[Tensor], bool) -> Result<Tensor>;

/// The length of the batch axis.
fn rows(t: &Tensor) -> usize {
    t.size().first().map_or(0, |&n| n.max(0) as usize)
}
