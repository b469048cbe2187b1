//! One training step: the fast path, on which no graph goes through the posterior.
//!
//! What the estimators consume (the drawn w; or mu and sigma) are the leaves of the step's graph. After the backward
//! pass the leaves' gradients become those of mu and rho, the KL's are added in closed form, and the optimiser moves all in one
//! sweep. Parameters without a closed form go through plain autograd within the same step, and give what
//! [`crate::Elbo`] would.

use std::sync::Arc;

use tch::nn::VarStore;
use tch::{Kind, Tensor};

use super::clip::{Clip, UsualNorm};
use super::optim::{Optimiser, OptimiserState};
use super::sums::Sums;
use super::update::Update;
use super::variables::{Statistics, Variables};
use crate::error::{Error, Result};
use crate::module::BayesianModule;
use crate::parameter::{ById, Estimator, FACTORS_PACE, RandomParameter};
use crate::pass::leaves::Leaves;
use crate::processes::{ProcessGroup, Shard};

/// The two terms of a step's objective.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// The batch's mean negative log-likelihood, in nats per example.
    pub nll: f64,
    /// KL(posterior ‖ prior), in nats, over every random parameter; neither weighted nor divided.
    pub kl: f64,
}

/// Moves the variables of a model, step by step, down nll + weight * KL / N.
///
/// [`Fit`](crate::Fit) is the loop around it; a loop of one's own calls [`step`](Self::step).
///
/// ```
/// use illia_core::nn::Linear;
/// use illia_core::{Adam, Trainer};
/// use tch::{Device, Kind, Tensor, nn::VarStore};
///
/// let vs = VarStore::new(Device::Cpu);
/// let net = Linear::new(vs.root() / "fc", 3, 1, Default::default());
/// let float = (Kind::Float, Device::Cpu);
/// let (x, y) = (Tensor::randn([64, 3], float), Tensor::randn([64, 1], float));
/// let mut trainer = Trainer::new(Adam::default(), 64)?; // N, by which the KL is divided
/// for _ in 0..3 {
///     let terms = trainer.step(&net, &vs, 1.0, || Ok((net.try_forward(&x)? - &y).square().mean(Kind::Float) * 0.5))?;
///     assert!(terms.kl > 0.0);
/// }
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Trainer {
    /// The rule; it may be changed between steps.
    pub optimiser: Arc<dyn Optimiser>,
    /// The step size of the steps to come; the optimiser's own at first.
    pub learning_rate: f64,
    /// What is done to large gradients; [`Clip::default`] at first.
    pub clip: Clip,
    /// What [`Estimator::Automatic`] stands for in these steps: at first [`Estimator::Reparameterization`], one draw of the weights
    /// for the batch, which costs least. With [`Estimator::LocalReparameterization`], which [`Fit`](crate::Fit) chooses, gradients vary
    /// less, for twice the products.
    pub estimator: Estimator,
    /// The processes that take each step together, if there are several: each computes its [`shard`](Self::shard) of the batch,
    /// and the gradients are added up over all. They start from the same weights and the same
    /// [`manual_seed`](crate::manual_seed), and then stay the same to the bit.
    pub processes: Option<Arc<dyn ProcessGroup>>,
    /// Which rows of the next step's batch this process computes, where there are several.
    ///
    /// ```
    /// use illia_core::processes::{ProcessGroup, Shard};
    /// # fn rows_of(group: &dyn ProcessGroup, trainer: &mut illia_core::Trainer, batch: &[i64]) -> Vec<i64> {
    /// let shard = Shard::of(batch.len(), group.rank(), group.size());
    /// trainer.shard = Some(shard);
    /// shard.of_rows(batch).to_vec()
    /// # }
    /// ```
    pub shard: Option<Shard>,
    /// Before a step, whether this process wants the run to end; after it, whether one of them does.
    pub(crate) signal: bool,
    /// Whether the means alone are trained, towards the posterior's mode.
    pub(crate) means: bool,
    groups: Vec<(String, f64)>,
    pub(crate) usual: UsualNorm,
    pub(crate) state: OptimiserState,
    data_len: f64,
    pub(super) variables: Variables,
}

impl Trainer {
    /// A trainer for a data set of `data_len` examples.
    ///
    /// # Errors
    /// [`Error::Configuration`] for an empty data set or a setting of the optimiser outside of its range.
    pub fn new(optimiser: impl Optimiser + 'static, data_len: usize) -> Result<Self> {
        Trainer::shared(Arc::new(optimiser), data_len)
    }

    pub(crate) fn shared(optimiser: Arc<dyn Optimiser>, data_len: usize) -> Result<Self> {
        optimiser.validate()?;
        if data_len == 0 {
            return Err(Error::configuration("data_len", 0, "at least 1 example"));
        }
        Ok(Trainer {
            learning_rate: optimiser.learning_rate(),
            optimiser,
            clip: Clip::default(),
            estimator: Estimator::Reparameterization,
            processes: None,
            shard: None,
            signal: false,
            means: false,
            groups: Vec::new(),
            usual: UsualNorm::default(),
            state: OptimiserState::default(),
            data_len: data_len as f64,
            variables: Variables::default(),
        })
    }

    /// Holds every variable whose name starts with `prefix` where it is, if `factor` is 0; else multiplies its step size. Where
    /// several groups hold a variable, the last one said counts.
    ///
    /// ```
    /// # use illia_core::{Adam, Trainer};
    /// let mut trainer = Trainer::new(Adam::default(), 1000)?;
    /// trainer.group("encoder.", 0.1);
    /// # Ok::<(), illia_core::Error>(())
    /// ```
    pub fn group(&mut self, prefix: &str, factor: f64) {
        self.groups.push((prefix.to_owned(), factor));
    }

    /// One step: `nll` computes the batch's mean negative log-likelihood, in nats per example, with the model's
    /// `forward_t` in training mode; every forward within it uses one draw. `kl_weight` multiplies KL / N: 1 for the
    /// ELBO itself. What is frozen counts in the KL but is not moved by it. Where there are several
    /// [`processes`](Self::processes), `nll` computes the mean over this one's shard.
    ///
    /// # Errors
    /// What `nll` returns; [`Error::NonFinite`] (as epoch 0, step 0) when a term or a gradient is not a finite number;
    /// [`Error::Shape`] for a loss that is no scalar; [`Error::Unfit`] for a posterior whose rho can not be trained, in half
    /// precision or below -87; [`Error::Configuration`] for a `kl_weight` that is not a finite number from 0, a learning rate or another
    /// setting of the trainer or the optimiser outside of their range, and where there is nothing to train: none
    /// of the variables of `vs` is in the objective's graph; [`Error::Processes`] where another process has failed or has ended,
    /// or where their steps differ; [`Error::Unfit`] for a batch norm in training in several processes. Then no variable has
    /// been changed.
    pub fn step<M: BayesianModule + ?Sized>(
        &mut self,
        model: &M,
        vs: &VarStore,
        kl_weight: f64,
        nll: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Terms> {
        let mut nll = Some(nll);
        let share = self.shard.map(Shard::share);
        self.step_parts(model, vs, kl_weight, 1, 1, &mut |_| match nll.take() {
            Some(nll) => of_share(nll()?, share),
            None => Err(Error::configuration("draws", 1, "one call for each")),
        })
    }

    /// [`step`](Self::step) with the likelihood averaged over `draws` draws, each of them fresh.
    ///
    /// # Errors
    /// As [`step`](Self::step), and for no draws.
    pub fn step_draws<M: BayesianModule + ?Sized>(
        &mut self,
        model: &M,
        vs: &VarStore,
        kl_weight: f64,
        draws: usize,
        nll: impl Fn() -> Result<Tensor>,
    ) -> Result<Terms> {
        let share = self.shard.map(Shard::share);
        self.step_parts(model, vs, kl_weight, draws, 1, &mut |_| of_share(nll()?, share))
    }

    /// [`step_draws`](Self::step_draws) over a batch that comes in `parts`, whose gradients are added up before the step: as if
    /// the batch were whole, in the memory of a part. `nll` is given the part, and computes its mean negative log-likelihood
    /// times its share of the batch's examples. Where there are several [`processes`](Self::processes), part `i` is
    /// [`Shard::part`]`(i, parts)` of this one's shard, and all have as many parts.
    ///
    /// # Errors
    /// As [`step_draws`](Self::step_draws), and for no parts.
    pub fn step_parts<M: BayesianModule + ?Sized>(
        &mut self,
        model: &M,
        vs: &VarStore,
        kl_weight: f64,
        draws: usize,
        parts: usize,
        nll: &mut dyn FnMut(usize) -> Result<Tensor>,
    ) -> Result<Terms> {
        let _span = tracing::trace_span!(target: "illia::train", "step", draws, parts).entered();
        if self.variables.follow(vs) {
            self.state.fitting = false;
        }
        let statistics = self.variables.statistics();
        let terms = self.try_step(&model.parameters(), kl_weight, (draws, parts), &statistics, nll);
        if terms.is_err() {
            statistics.restore();
        }
        terms
    }

    fn try_step(
        &mut self,
        parameters: &[&RandomParameter],
        kl_weight: f64,
        (draws, parts): (usize, usize),
        statistics: &Statistics,
        nll: &mut dyn FnMut(usize) -> Result<Tensor>,
    ) -> Result<Terms> {
        for (name, value) in [("draws", draws), ("parts", parts)] {
            if value == 0 {
                return Err(Error::configuration(name, value, "at least 1"));
            }
        }
        self.settings_are_numbers()?;
        have_room(parameters)?;
        let weight = self.per_example(kl_weight)?;
        let trained = self.variables.trained();
        let group = self.processes.clone().filter(|group| group.size() > 1);
        let own = self.own_gradients(parameters, &trained, weight, (draws, parts), nll);
        let (terms, mut sums, leaves) = match group {
            None => own?,
            Some(group) => {
                self.of_all(&*group, parameters, own.and_then(|own| statistics.same().map(|()| own)))?
            }
        };
        sums.finish(&self.clip, &mut self.usual)?;
        self.update(parameters, &trained, &leaves, sums, weight)?;
        Ok(terms)
    }

    /// Refuses settings, which may be changed between steps, that would make weights of no numbers.
    fn settings_are_numbers(&self) -> Result<()> {
        let rates = self.groups.iter().map(|(_, factor)| ("group", *factor, self.learning_rate * factor));
        for (name, value, rate) in rates.chain([("learning_rate", self.learning_rate, self.learning_rate)]) {
            if !(rate >= 0.0 && (rate as f32).is_finite()) {
                return Err(Error::configuration(name, value, "a finite number from 0 that f32 has"));
            }
        }
        self.clip.validate()?;
        self.optimiser.validate()
    }

    /// What multiplies the KL in an objective per example.
    fn per_example(&self, kl_weight: f64) -> Result<f64> {
        let weight = kl_weight / self.data_len;
        if weight >= 0.0 && (weight as f32).is_finite() {
            return Ok(weight);
        }
        Err(Error::configuration("kl_weight", kl_weight, "a finite number from 0 that f32 has"))
    }

    /// The optimiser's step, once all gradients are there. `weight` multiplies the KL of those leaves that have summed it.
    fn update(
        &mut self,
        parameters: &[&RandomParameter],
        trained: &[bool],
        leaves: &ById<Leaves>,
        sums: Sums,
        weight: f64,
    ) -> Result<()> {
        let Trainer { variables, state, .. } = self;
        variables.locate(parameters);
        let mut of_variables = sums.of_variables;
        let reached = of_variables.iter().any(Option::is_some)
            || parameters
                .iter()
                .any(|p| leaves.contains_key(&p.id()) && variables.place(p, trained).mu.is_some());
        if !reached {
            return Err(nothing("whose variables are in another store"));
        }
        state.fits(variables.all())?;
        let mut update = Update {
            optimiser: &*self.optimiser,
            state,
            learning_rate: self.learning_rate,
            weight,
            groups: &self.groups,
        };
        let variable = |at: usize| variables.all().get(at).map(|(name, variable)| (name.as_str(), variable));
        let _no_grad = tch::no_grad_guard();
        for parameter in parameters {
            let place = variables.place(parameter, trained);
            if self.means
                && let Some(slot) = place.mu.and_then(|at| of_variables.get_mut(at))
                && let Some(of_penalty) = parameter.mode_penalty_gradient(weight)
            {
                *slot = Some(match slot.take() {
                    Some(sum) => sum + of_penalty,
                    None => of_penalty,
                });
            }
            if let Some(at) = place.input_rho
                && let Some(gradient) = of_variables.get_mut(at).and_then(Option::take)
                && let Some(variable) = variable(at)
            {
                update.variable(variable, &gradient, FACTORS_PACE);
            }
            let Some(own) = leaves.get(&parameter.id()) else { continue };
            if let Some(at) = place.prior_rho
                && let Some(of_prior) = own.prior_gradient(parameter, weight)
                && let Some(slot) = of_variables.get_mut(at)
            {
                *slot = Some(match slot.take() {
                    Some(sum) => sum + of_prior,
                    None => of_prior,
                });
            }
            let at = [place.mu, place.rho];
            let [of_mu, of_rho] = at.map(|at| of_variables.get_mut(at?)?.take());
            let gradients = sums.of_leaves.gradients(parameter.id(), of_mu.as_ref(), of_rho.as_ref());
            gradients.with(|gradients| {
                let variables = at.map(|at| variable(at?));
                update.parameter(parameter, variables, gradients, own.closed_kl(parameter, weight));
            });
        }
        for (at, gradient) in of_variables.iter().enumerate() {
            if let (Some(gradient), Some(variable)) = (gradient, variable(at)) {
                update.variable(variable, gradient, 1.0);
            }
        }
        Ok(())
    }
}

/// A shard's part of the whole batch's mean.
fn of_share(nll: Tensor, share: Option<f64>) -> Result<Tensor> {
    Ok(match share {
        Some(share) if share != 1.0 => nll * share,
        _ => nll,
    })
}

/// Refuses spreads in half precision that would be trained: steps of rho are smaller than what those kinds tell apart, so it would
/// stay where it is.
fn have_room(parameters: &[&RandomParameter]) -> Result<()> {
    for parameter in parameters {
        let Some((_, rho)) = parameter.spread().filter(|(_, rho)| rho.requires_grad()) else { continue };
        if matches!(rho.kind(), Kind::Half | Kind::BFloat16) {
            let problem = format!(
                "its sigma would never move in {:?}, which is too coarse for steps of rho: train in Float \
                 (`vs.float()`) and convert afterwards, or make the weights plain",
                rho.kind()
            );
            return Err(Error::Unfit { layer: parameter.name().to_owned(), problem });
        }
    }
    Ok(())
}

pub(super) fn nothing(what: &str) -> Error {
    Error::configuration("model", what, "one with variables of the store to train")
}

/// The mean over the examples, as a scalar.
pub(crate) fn mean_nll(log_likelihood: &Tensor) -> Tensor {
    -log_likelihood.mean(None::<Kind>)
}
