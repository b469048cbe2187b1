//! One training step: the fast path, on which no graph goes through the posterior.
//!
//! What the estimators consume (the drawn w; or mu and sigma) are the leaves of the step's graph. After the backward
//! pass the leaves' gradients become those of mu and rho, the KL's are added in closed form, and Adam moves all in one
//! sweep. Parameters without a closed form go through plain autograd within the same step, and give what
//! [`crate::Elbo`] would.

use tch::Tensor;
use tch::nn::VarStore;

use crate::error::{Error, Result};
use crate::kernels::gaussian::Gradients;
use crate::module::{BayesianModule, OneDraw, Visitor};
use crate::optimiser::{Adam, AdamState};
use crate::parameter::{Purpose, RandomParameter, Scope};

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
    /// The store's variables by name, sorted; asked for again when there are more.
    variables: Vec<(String, Tensor)>,
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
        Ok(Trainer { adam, state: AdamState::default(), data_len: data_len as f64, variables: Vec::new() })
    }

    /// One step: `nll` computes the batch's mean negative log-likelihood, in nats per example, with the model's
    /// `forward_t` in training mode; every forward within it uses one draw. `kl_weight` multiplies KL / N: 1 for the
    /// ELBO itself.
    ///
    /// # Errors
    /// What `nll` returns; [`Error::NonFinite`] (as epoch 0, step 0) when a term is not a finite number; then nothing
    /// has been changed.
    pub fn step<M: BayesianModule + ?Sized>(
        &mut self,
        model: &M,
        vs: &VarStore,
        kl_weight: f64,
        nll: impl FnOnce() -> Result<Tensor>,
    ) -> Result<Terms> {
        let weight = kl_weight / self.data_len;
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
                    let nats = parameter.kl();
                    kl = Some(kl.take().map_or_else(|| nats.shallow_clone(), |sum: Tensor| sum + &nats));
                }
                None => {}
            }
            scopes.push(scope);
        }));
        drop(one_draw);
        let by_autograd = kl.as_ref().map_or(0.0, |kl| kl.double_value(&[]));
        let terms = Terms { nll: nll.double_value(&[]), kl: closed_kl + by_autograd };
        finite("negative log-likelihood", terms.nll)?;
        finite("kl cost", terms.kl)?;
        let loss = match kl {
            Some(kl) => nll + kl * weight,
            None => nll,
        };
        self.update(model, vs, scopes, &loss, weight)?;
        Ok(terms)
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
        // Several draws have several sets of leaves: plain autograd adds them up.
        let mut sum = nll()?;
        for _ in 1..samples {
            sum += nll()?;
        }
        let nll = sum / samples.max(1) as f64;
        let kl = model.kl_cost().nats;
        let terms = Terms { nll: nll.double_value(&[]), kl: kl.double_value(&[]) };
        finite("negative log-likelihood", terms.nll)?;
        finite("kl cost", terms.kl)?;
        let weight = kl_weight / self.data_len;
        self.update(model, vs, Vec::new(), &(nll + kl * weight), weight)?;
        Ok(terms)
    }

    /// The backward pass and Adam's step. `kl_weight` multiplies the KL of those scopes that have summed it.
    fn update<M: BayesianModule + ?Sized>(
        &mut self,
        model: &M,
        vs: &VarStore,
        scopes: Vec<Option<Scope>>,
        loss: &Tensor,
        kl_weight: f64,
    ) -> Result<()> {
        if self.variables.len() != vs.len() {
            self.variables = vs.variables().into_iter().collect();
            self.variables.sort_by(|a, b| a.0.cmp(&b.0));
        }
        let Trainer { adam, state, variables, .. } = self;
        let trained: Vec<_> = variables.iter().filter(|(_, variable)| variable.requires_grad()).collect();
        let leaves = scopes.iter().flatten().flat_map(|scope| scope.weights.iter().chain(&scope.sigma));
        let inputs: Vec<&Tensor> = trained.iter().map(|(_, variable)| variable).chain(leaves).collect();
        if !loss.requires_grad() {
            return Ok(());
        }
        let gradients = Tensor::f_run_backward(&[loss], &inputs, false, false);
        let gradients = gradients.map_err(|e| Error::torch("backward", &e))?;
        let mut gradients = gradients.into_iter().map(|gradient| gradient.defined().then(|| dense(gradient)));
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
            let place = |of: &Tensor| {
                trained.iter().position(|(_, variable)| variable.data_ptr() == of.data_ptr())
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

fn finite(term: &'static str, value: f64) -> Result<()> {
    if value.is_finite() { Ok(()) } else { Err(Error::NonFinite { epoch: 0, step: 0, term, value }) }
}

/// The mean over the examples, as a scalar.
pub(crate) fn mean_nll(log_likelihood: &Tensor) -> Tensor {
    -log_likelihood.mean(log_likelihood.kind())
}
