//! One training step: the fast path, on which no graph goes through the posterior.
//!
//! What the estimators consume (the drawn w; or mu and sigma) are the leaves of the step's graph. After the backward
//! pass the leaves' gradients become those of mu and rho, the KL's are added in closed form, and Adam moves all in one
//! sweep. Parameters without a closed form go through plain autograd within the same step, and give what
//! [`crate::Elbo`] would.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tch::Tensor;
use tch::nn::{self, VarStore};

use crate::error::{Error, Result};
use crate::module::{BayesianModule, OneDraw, Visitor, kl_in_training, sum_over};
use crate::parameter::fused::Gradients;
use crate::parameter::{Purpose, RandomParameter, Scope};
use crate::simd;
use crate::train::optim::adam::{Adam, AdamState};

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
    /// The optimiser's settings; they may be changed between steps.
    pub adam: Adam,
    pub(crate) state: AdamState,
    data_len: f64,
    variables: Variables,
}

/// A store's variables by name, sorted; asked for again when it is another store or has more.
#[derive(Debug, Default)]
struct Variables {
    of: Option<Arc<Mutex<nn::Variables>>>,
    all: Vec<(String, Tensor)>,
}

impl Variables {
    fn follow(&mut self, vs: &VarStore) {
        let same = self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, &vs.variables_));
        if same && self.all.len() == vs.len() {
            return;
        }
        self.of = Some(Arc::clone(&vs.variables_));
        self.all = vs.variables().into_iter().collect();
        self.all.sort_by(|a, b| a.0.cmp(&b.0));
    }

    /// The running statistics of batch norms, which a forward in training changes, as they are now.
    fn statistics(&self) -> Statistics {
        let running = |name: &str| name.ends_with("running_mean") || name.ends_with("running_var");
        let all = self.all.iter().filter(|(name, variable)| !variable.requires_grad() && running(name));
        Statistics(all.map(|(_, variable)| (variable.shallow_clone(), variable.copy())).collect())
    }
}

/// Variables and what they were.
struct Statistics(Vec<(Tensor, Tensor)>);

impl Statistics {
    fn restore(self) {
        tch::no_grad(|| {
            for (mut variable, before) in self.0 {
                variable.copy_(&before);
            }
        });
    }
}

impl Trainer {
    /// A trainer for a data set of `data_len` examples.
    ///
    /// # Errors
    /// [`Error::Configuration`] for an empty data set or a setting of Adam outside of its range.
    pub fn new(adam: Adam, data_len: usize) -> Result<Self> {
        adam.validate()?;
        if data_len == 0 {
            return Err(Error::configuration("data_len", 0, "at least 1 example"));
        }
        Ok(Trainer {
            adam,
            state: AdamState::default(),
            data_len: data_len as f64,
            variables: Variables::default(),
        })
    }

    /// One step: `nll` computes the batch's mean negative log-likelihood, in nats per example, with the model's
    /// `forward_t` in training mode; every forward within it uses one draw. `kl_weight` multiplies KL / N: 1 for the
    /// ELBO itself. What is frozen counts in the KL but is not moved by it.
    ///
    /// # Errors
    /// What `nll` returns; [`Error::NonFinite`] (as epoch 0, step 0) when a term or a gradient is not a finite number;
    /// [`Error::Configuration`] for a `kl_weight` that is not a finite number from 0, and where there is nothing to train: none
    /// of the variables of `vs` is in the objective's graph. Then no variable has been changed.
    pub fn step<M: BayesianModule + ?Sized>(
        &mut self,
        model: &M,
        vs: &VarStore,
        kl_weight: f64,
        nll: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Terms> {
        self.undone_on_error(vs, |trainer| {
            let weight = trainer.per_example(kl_weight)?;
            let one_draw = OneDraw::open(model, Purpose::Train);
            let nll = nll()?;
            // One for each parameter, in the order of the traversal; what is closed here, the guard finds no more.
            let mut scopes: Vec<Option<Scope>> = Vec::new();
            let (mut closed_kl, mut kl) = (0.0, None);
            model.visit(&mut Visitor::new(&mut |_, parameter| {
                let scope = parameter.close();
                match scope.as_ref().and_then(Scope::kl) {
                    Some(nats) => closed_kl += nats,
                    None if parameter.is_random() => {
                        let nats = kl_in_training(parameter);
                        kl = Some(kl.take().map_or_else(|| nats.shallow_clone(), |sum: Tensor| sum + &nats));
                    }
                    None => {}
                }
                scopes.push(scope.filter(Scope::trains));
            }));
            drop(one_draw);
            let by_autograd = kl.as_ref().map_or(0.0, |kl| kl.double_value(&[]));
            let terms = Terms::finite(nll.double_value(&[]), closed_kl + by_autograd)?;
            let loss = match kl {
                Some(kl) => nll + kl * weight,
                None => nll,
            };
            trainer.update(model, scopes, &loss, weight)?;
            Ok(terms)
        })
    }

    /// [`step`](Self::step) with the likelihood averaged over `samples` draws, each of them fresh.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn step_samples<M: BayesianModule + ?Sized>(
        &mut self,
        model: &M,
        vs: &VarStore,
        kl_weight: f64,
        samples: usize,
        nll: impl Fn() -> Result<Tensor>,
    ) -> Result<Terms> {
        if samples == 1 {
            return self.step(model, vs, kl_weight, nll);
        }
        self.undone_on_error(vs, |trainer| {
            let weight = trainer.per_example(kl_weight)?;
            // Several draws have several sets of leaves: plain autograd adds them up.
            let one = || {
                let _one_draw = OneDraw::open(model, Purpose::Graph);
                nll()
            };
            let mut sum = one()?;
            for _ in 1..samples {
                sum += one()?;
            }
            let nll = sum / samples.max(1) as f64;
            let kl = sum_over(model, kl_in_training).nats;
            let terms = Terms::finite(nll.double_value(&[]), kl.double_value(&[]))?;
            trainer.update(model, Vec::new(), &(nll + kl * weight), weight)?;
            Ok(terms)
        })
    }

    /// What multiplies the KL in an objective per example.
    fn per_example(&self, kl_weight: f64) -> Result<f64> {
        if kl_weight.is_finite() && kl_weight >= 0.0 {
            return Ok(kl_weight / self.data_len);
        }
        Err(Error::configuration("kl_weight", kl_weight, "a finite number from 0"))
    }

    /// Runs a step; on an error also what its forward changed is as before.
    fn undone_on_error(
        &mut self,
        vs: &VarStore,
        step: impl FnOnce(&mut Self) -> Result<Terms>,
    ) -> Result<Terms> {
        self.variables.follow(vs);
        let statistics = self.variables.statistics();
        let terms = step(self);
        if terms.is_err() {
            statistics.restore();
        }
        terms
    }

    /// The backward pass and Adam's step. `kl_weight` multiplies the KL of those scopes that have summed it.
    fn update<M: BayesianModule + ?Sized>(
        &mut self,
        model: &M,
        scopes: Vec<Option<Scope>>,
        loss: &Tensor,
        kl_weight: f64,
    ) -> Result<()> {
        let Trainer { adam, state, variables, .. } = self;
        let trained: Vec<_> = variables.all.iter().filter(|(_, variable)| variable.requires_grad()).collect();
        let leaves = scopes.iter().flatten().flat_map(|scope| scope.weights.iter().chain(&scope.sigma));
        let inputs: Vec<&Tensor> = trained.iter().map(|(_, variable)| variable).chain(leaves).collect();
        let places: HashMap<_, _> =
            trained.iter().enumerate().map(|(at, (_, variable))| (variable.data_ptr(), at)).collect();
        let place = |of: &Tensor| places.get(&of.data_ptr()).copied();
        let nothing =
            |what: &str| Error::configuration("model", what, "one with variables of the store to train");
        if !loss.requires_grad() {
            return Err(nothing("without a gradient (frozen, or under `no_grad`)"));
        }
        let gradients = Tensor::f_run_backward(&[loss], &inputs, false, false);
        let gradients = gradients.map_err(|e| Error::torch("backward", &e))?;
        let gradients: Vec<Option<Tensor>> =
            gradients.into_iter().map(|gradient| gradient.defined().then(|| dense(gradient))).collect();
        if !simd::finite::all(gradients.iter().flatten()) {
            return Err(Error::NonFinite { epoch: 0, step: 0, term: "gradient", value: f64::NAN });
        }
        let mut reached = gradients.iter().take(trained.len()).any(Option::is_some);
        model.visit(&mut Visitor::new(&mut |_, parameter| {
            reached |= parameter.rho().is_some() && place(parameter.mu()).is_some();
        }));
        if !reached {
            return Err(nothing("whose variables are in another store"));
        }
        let mut gradients = gradients.into_iter();
        let mut of_variables: Vec<Option<Tensor>> = gradients.by_ref().take(trained.len()).collect();
        let mut scopes = scopes.into_iter();
        model.visit(&mut Visitor::new(&mut |_, parameter: &RandomParameter| {
            let Some(scope) = scopes.next().flatten() else { return };
            let of_weights = scope.weights.as_ref().and_then(|_| gradients.next()).flatten();
            let of_sigma = scope.sigma.as_ref().and_then(|_| gradients.next()).flatten();
            let Some(rho) = parameter.rho().filter(|_| scope.weights.is_some() || scope.sigma.is_some())
            else {
                return;
            };
            if let Some((prior_rho, of_prior)) = parameter.prior_gradient(&scope, kl_weight)
                && let Some(slot) = place(prior_rho).and_then(|at| of_variables.get_mut(at))
            {
                *slot = Some(match slot.take() {
                    Some(sum) => sum + of_prior,
                    None => of_prior,
                });
            }
            let at = [parameter.mu(), rho].map(place);
            let [of_mu, of_rho] = at.map(|at| at.and_then(|at| of_variables.get_mut(at)?.take()));
            let gradients = Gradients {
                weights: of_weights.as_ref().zip(scope.key),
                mu: of_mu.as_ref(),
                sigma: of_sigma.as_ref(),
                rho: of_rho.as_ref(),
            };
            let kl = parameter.closed_kl(&scope, kl_weight);
            let [mu, rho] = at.map(|at| trained.get(at?).map(|(name, variable)| (name.as_str(), variable)));
            // The one-pass update knows of no pruned elements.
            if let (Some(mu), Some(rho)) = (mu, rho)
                && parameter.num_pruned() == 0
                && state.step_posterior(adam, mu, rho, &gradients, kl)
            {
                return;
            }
            let Some((of_mu, of_rho)) = parameter.gradients(&gradients, kl) else { return };
            for (side, gradient) in [(mu, of_mu), (rho, of_rho)] {
                if let Some(side) = side {
                    state.step(adam, side, &gradient);
                }
            }
        }));
        for ((name, variable), gradient) in trained.iter().zip(&of_variables) {
            if let Some(gradient) = gradient {
                state.step(adam, (name, variable), gradient);
            }
        }
        Ok(())
    }
}

/// A gradient in the layout of its variable: autograd may return a sparse or an expanded one.
fn dense(gradient: Tensor) -> Tensor {
    if gradient.is_sparse() { gradient.to_dense(None, false) } else { gradient.contiguous() }
}

impl Terms {
    /// Both, if they are numbers.
    fn finite(nll: f64, kl: f64) -> Result<Terms> {
        for (term, value) in [("negative log-likelihood", nll), ("kl cost", kl)] {
            if !value.is_finite() {
                return Err(Error::NonFinite { epoch: 0, step: 0, term, value });
            }
        }
        Ok(Terms { nll, kl })
    }
}

/// The mean over the examples, as a scalar.
pub(crate) fn mean_nll(log_likelihood: &Tensor) -> Tensor {
    -log_likelihood.mean(log_likelihood.kind())
}
