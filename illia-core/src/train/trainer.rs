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
use super::variables::Variables;
use crate::error::{Error, Result};
use crate::module::{BayesianModule, kl_in_training};
use crate::parameter::{ById, RandomParameter};
use crate::pass::leaves::Leaves;
use crate::pass::{Closed, Mode, Pass};
use crate::simd::math::LEAST_EXPONENT;

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
#[derive(Debug)]
pub struct Trainer {
    /// The rule; it may be changed between steps.
    pub optimiser: Arc<dyn Optimiser>,
    /// The step size of the steps to come; the optimiser's own at first.
    pub learning_rate: f64,
    /// What is done to large gradients; [`Clip::default`] at first.
    pub clip: Clip,
    /// Whether the means alone are trained, towards the posterior's mode.
    pub(crate) means: bool,
    groups: Vec<(String, f64)>,
    pub(crate) usual: UsualNorm,
    pub(crate) state: OptimiserState,
    data_len: f64,
    variables: Variables,
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
    /// ELBO itself. What is frozen counts in the KL but is not moved by it.
    ///
    /// # Errors
    /// What `nll` returns; [`Error::NonFinite`] (as epoch 0, step 0) when a term or a gradient is not a finite number;
    /// [`Error::Shape`] for a loss that is no scalar; [`Error::Unfit`] for a posterior whose rho can not be trained, in half
    /// precision or below -87; [`Error::Configuration`] for a `kl_weight` that is not a finite number from 0, a learning rate or another
    /// setting of the trainer or the optimiser outside of their range, and where there is nothing to train: none
    /// of the variables of `vs` is in the objective's graph. Then no variable has been changed.
    pub fn step<M: BayesianModule + ?Sized>(
        &mut self,
        model: &M,
        vs: &VarStore,
        kl_weight: f64,
        nll: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Terms> {
        let mut nll = Some(nll);
        self.step_parts(model, vs, kl_weight, 1, 1, &mut |_| match nll.take() {
            Some(nll) => nll(),
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
        self.step_parts(model, vs, kl_weight, draws, 1, &mut |_| nll())
    }

    /// [`step_draws`](Self::step_draws) over a batch that comes in `parts`, whose gradients are added up before the step: as if
    /// the batch were whole, in the memory of a part. `nll` is given the part, and computes its mean negative log-likelihood
    /// times its share of the batch's examples.
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
        if self.variables.follow(vs) {
            self.state.fitting = false;
        }
        let statistics = self.variables.statistics();
        let terms = self.try_step(&model.parameters(), kl_weight, draws, parts, nll);
        if terms.is_err() {
            statistics.restore();
        }
        terms
    }

    fn try_step(
        &mut self,
        parameters: &[&RandomParameter],
        kl_weight: f64,
        draws: usize,
        parts: usize,
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
        let mode = match self.means {
            true => Mode::Means,
            false => Mode::Train { draws: self.optimiser.needs_draws() },
        };
        let pass = Pass::over(parameters, mode, None);
        let mut sums = Sums::new(trained.len(), draws);
        let (mut total, mut kl) = (0.0, 0.0);
        for draw in 0..draws {
            if draw > 0 {
                pass.renew(1);
            }
            for part in 0..parts {
                let nll = scalar(nll(part)?)?;
                let value = finite("negative log-likelihood", nll.double_value(&[]))?;
                total += value / draws as f64;
                let mut loss = if draws == 1 { nll } else { nll / draws as f64 };
                if (draw, part) == (0, 0) {
                    let (closed, rest) = match self.means {
                        true => (parameters.iter().filter_map(|p| p.mode_penalty()).sum(), None),
                        false => kl_of(parameters, &pass),
                    };
                    let nats = closed + rest.as_ref().map_or(0.0, |rest| rest.double_value(&[]));
                    kl = finite("kl cost", nats).map_err(|error| too_narrow(parameters).unwrap_or(error))?;
                    if let Some(rest) = rest {
                        loss += rest * weight;
                    }
                }
                if !loss.requires_grad() {
                    return Err(nothing("without a gradient (frozen, or under `no_grad`)"));
                }
                sums.backward(&loss, &self.variables, &trained, &pass, part == 0)?;
            }
        }
        let Closed { leaves, strangers } = pass.close();
        if strangers.iter().any(|(name, variable)| self.variables.holds(name, variable)) {
            return Err(Error::configuration(
                "model",
                "a random parameter that the model's traversal does not reach",
                "a forward whose random parameters are all the model's own (one inside `nn::Sequential`, `nn::Func` or a \
                 skipped field is not), frozen, or of another store",
            ));
        }
        sums.finish(&self.clip, &mut self.usual)?;
        self.update(parameters, &trained, &leaves, sums, weight)?;
        Ok(Terms { nll: total, kl })
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
                update.variable(variable, gradient);
            }
        }
        Ok(())
    }
}

/// The KL as far as the leaves' pass summed it, and the rest by autograd.
fn kl_of(parameters: &[&RandomParameter], pass: &Pass) -> (f64, Option<Tensor>) {
    let (mut closed, mut rest) = (0.0, None::<Tensor>);
    for parameter in parameters.iter().filter(|parameter| parameter.is_random()) {
        match pass.closed_kl(parameter.id()) {
            Some(nats) => closed += nats,
            None => {
                let nats = kl_in_training(parameter);
                rest = Some(match rest.take() {
                    Some(sum) => sum + nats,
                    None => nats,
                });
            }
        }
    }
    (closed, rest)
}

/// Refuses spreads in half precision that would be trained: steps of rho are smaller than what those kinds tell apart, so it would
/// stay where it is.
fn have_room(parameters: &[&RandomParameter]) -> Result<()> {
    for parameter in parameters {
        let Some(rho) = parameter.rho().filter(|rho| rho.requires_grad()) else { continue };
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

/// Which parameter has no KL because its spread is none, if that is the reason.
fn too_narrow(parameters: &[&RandomParameter]) -> Option<Error> {
    parameters.iter().find_map(|parameter| {
        let rho = parameter.rho().filter(|rho| rho.numel() > 0)?.detach();
        // Minus infinity is what pruning leaves.
        let least = rho.masked_fill(&rho.isneginf(), 0.0).min().double_value(&[]);
        (least < f64::from(LEAST_EXPONENT)).then(|| Error::Unfit {
            layer: parameter.name().to_owned(),
            problem: format!(
                "a rho of {least:.1} is below {LEAST_EXPONENT}, where sigma = softplus(rho) leaves the floats: start rho higher, or \
                 make a weight without spread a `Point` or deterministic"
            ),
        })
    })
}

fn nothing(what: &str) -> Error {
    Error::configuration("model", what, "one with variables of the store to train")
}

/// A loss is one number.
fn scalar(loss: Tensor) -> Result<Tensor> {
    if !loss.defined() || loss.numel() != 1 {
        let given = if loss.defined() { loss.size() } else { Vec::new() };
        let expected = "one number, the batch's mean".to_owned();
        return Err(Error::Shape { layer: "loss".to_owned(), expected, given });
    }
    // A view costs a node in the graph.
    Ok(if loss.dim() == 0 { loss } else { loss.reshape([0i64; 0]) })
}

fn finite(term: &'static str, value: f64) -> Result<f64> {
    match value.is_finite() {
        true => Ok(value),
        false => Err(Error::NonFinite { epoch: 0, step: 0, term, value }),
    }
}

/// The mean over the examples, as a scalar.
pub(crate) fn mean_nll(log_likelihood: &Tensor) -> Tensor {
    -log_likelihood.mean(None::<Kind>)
}
