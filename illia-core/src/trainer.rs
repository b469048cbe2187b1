//! One training step: the fast path, on which no graph goes through the posterior.
//!
//! What the estimators consume (the drawn w; or mu and sigma) are the leaves of the step's graph. After the backward
//! pass the leaves' gradients become those of mu and rho, the KL's are added in closed form, and Adam moves all in one
//! sweep. Parameters without a closed form go through plain autograd within the same step, and give what
//! [`crate::Elbo`] would.

use tch::Tensor;
use tch::nn::VarStore;

use crate::error::{Error, Result};
use crate::module::{BayesianModule, OneDraw, Visitor};
use crate::optimiser::{Adam, AdamState};
use crate::parameter::RandomParameter;
use crate::parameter::Scope;

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
}

/// A random parameter's leaves in one step.
struct Leaves {
    name: String,
    mu: Tensor,
    scope: Scope,
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
        Ok(Trainer { adam, state: AdamState::default(), data_len: data_len as f64 })
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
        let scope = OneDraw::open(model, true);
        let nll = nll()?;
        // Closed parameter by parameter here, with what was consumed; the guard is for errors and panics above.
        let mut leaves: Vec<Leaves> = Vec::new();
        let mut kl: Option<Tensor> = None;
        model.visit(&mut Visitor::new(&mut |name, parameter| {
            let scope = parameter.close();
            if !parameter.is_random() {
                return;
            }
            let cost = parameter.kl();
            kl = Some(match kl.take() {
                Some(sum) => sum + cost,
                None => cost,
            });
            if let Some(scope) = scope {
                leaves.push(Leaves { name: name.to_owned(), mu: parameter.mu().shallow_clone(), scope });
            }
        }));
        drop(scope);
        let kl = kl.unwrap_or_else(|| Tensor::zeros([0i64; 0], (nll.kind(), nll.device())));
        let terms = Terms { nll: nll.double_value(&[]), kl: kl.double_value(&[]) };
        finite("negative log-likelihood", terms.nll)?;
        finite("kl cost", terms.kl)?;
        self.update(model, vs, &leaves, &(nll + kl * weight))?;
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
        self.update(model, vs, &[], &(nll + kl * (kl_weight / self.data_len)))?;
        Ok(terms)
    }

    /// The backward pass and Adam's step.
    fn update<M: BayesianModule + ?Sized>(
        &mut self,
        model: &M,
        vs: &VarStore,
        leaves: &[Leaves],
        loss: &Tensor,
    ) -> Result<()> {
        let mut variables: Vec<(String, Tensor)> =
            vs.variables().into_iter().filter(|(_, variable)| variable.requires_grad()).collect();
        variables.sort_by(|a, b| a.0.cmp(&b.0));
        let mut inputs: Vec<Tensor> = variables.iter().map(|(_, v)| v.shallow_clone()).collect();
        for leaf in leaves {
            inputs.extend(leaf.scope.weights.iter().map(Tensor::shallow_clone));
            inputs.extend(leaf.scope.sigma.iter().map(Tensor::shallow_clone));
        }
        if !loss.requires_grad() {
            return Ok(());
        }
        let mut gradients = Tensor::f_run_backward(&[loss], &inputs, false, false)
            .map_err(|e| Error::torch("backward", &e))?
            .into_iter();
        let mut of_variables: Vec<Tensor> = gradients.by_ref().take(variables.len()).collect();
        let at = |mu: &Tensor| variables.iter().position(|(_, v)| v.data_ptr() == mu.data_ptr());
        let mut leaves = leaves.iter().peekable();
        model.visit(&mut Visitor::new(&mut |name, parameter: &RandomParameter| {
            let Some(leaf) =
                leaves.next_if(|leaf| leaf.name == name && leaf.mu.data_ptr() == parameter.mu().data_ptr())
            else {
                return;
            };
            let of_weights =
                leaf.scope.weights.as_ref().and_then(|_| gradients.next()).filter(Tensor::defined);
            let of_sigma = leaf.scope.sigma.as_ref().and_then(|_| gradients.next()).filter(Tensor::defined);
            let keyed = of_weights.as_ref().zip(leaf.scope.key);
            let Some(rho) = parameter.rho() else { return };
            let Some((mu_gradient, rho_gradient)) = parameter.gradients(keyed, None, of_sigma.as_ref())
            else {
                return;
            };
            for (variable, gradient) in [(parameter.mu(), mu_gradient), (rho, rho_gradient)] {
                if let Some(sum) = at(variable).and_then(|i| of_variables.get_mut(i)) {
                    *sum = if sum.defined() { &*sum + gradient } else { gradient };
                }
            }
        }));
        for ((name, variable), gradient) in variables.iter().zip(&of_variables) {
            if gradient.defined() {
                self.state.step(&self.adam, name, variable, gradient);
            }
        }
        Ok(())
    }
}

fn finite(term: &'static str, value: f64) -> Result<()> {
    if value.is_finite() { Ok(()) } else { Err(Error::NonFinite { epoch: 0, step: 0, term, value }) }
}

/// The mean over the examples, as a scalar.
pub(crate) fn mean_nll(log_likelihood: &Tensor) -> Tensor {
    -log_likelihood.mean(log_likelihood.kind())
}
