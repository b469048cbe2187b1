//! One draw for as long as a step or a prediction lasts.

use std::cell::Cell;

use tch::Tensor;

use super::{Draw, Noise, RandomParameter};
use crate::error::{Error, fail};
use crate::noise::{self, Key};
use crate::parameter::Posterior;
use crate::parameter::Prior;
use crate::parameter::fused::{self, ClosedKl, GaussianPrior, Gradients, KlSums};
use crate::simd::memory;

/// What the estimators consumed between `open` and `close`: one draw, made at its first use and shared by every
/// forward in between.
///
/// In a training step it holds the leaves of the step's graph, so that no graph goes through the posterior; in a
/// prediction it makes all batches see the same function.
#[derive(Debug)]
pub(crate) struct Scope {
    purpose: Purpose,
    /// The draw's noise.
    pub key: Option<Key>,
    /// The drawn weights w.
    pub weights: Option<Tensor>,
    /// softplus(rho), for estimators that draw outputs.
    pub sigma: Option<Tensor>,
    /// The prior and the KL's sums, where the draw's pass made them: the KL's gradient then is the update's to add, not
    /// autograd's.
    kl: Option<(GaussianPrior, KlSums)>,
    /// The weights of several draws, `[draws, ..]`, that one forward uses.
    stacked: Option<Tensor>,
    /// Whether a forward of several draws came by a layer that can't tell which rows are whose.
    spoiled: bool,
    /// What all draws of a prediction share.
    shared: Option<(Tensor, Tensor)>,
}

/// What a scope is opened for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// A step: the leaves want gradients.
    Train,
    /// Plain autograd: the draw stays in the posterior's graph.
    Graph,
    /// A prediction.
    Predict(Stack),
}

/// How many draws one forward computes, behind each other in the batch axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stack {
    pub draws: i64,
    /// Examples of one draw.
    pub rows: i64,
    /// Whether only each example's own distribution is wanted, not one function for all of them.
    pub marginal: bool,
    /// The address of the net's input, which is the same for every draw.
    pub input: usize,
}

thread_local! {
    /// How many models have a draw open in this thread.
    static OPEN: Cell<usize> = const { Cell::new(0) };
}

/// Counts a model whose draw is open, until dropped.
pub(crate) struct Opened;

impl Opened {
    pub(crate) fn one() -> Opened {
        OPEN.set(OPEN.get() + 1);
        Opened
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        OPEN.set(OPEN.get().saturating_sub(1));
    }
}

impl Scope {
    fn new(purpose: Purpose) -> Scope {
        Scope {
            purpose,
            key: None,
            weights: None,
            sigma: None,
            kl: None,
            stacked: None,
            spoiled: false,
            shared: None,
        }
    }

    /// The KL in nats, where the draw's pass summed it.
    pub(crate) fn kl(&self) -> Option<f64> {
        self.kl.map(|(prior, sums)| sums.nats(prior))
    }

    /// Whether what it holds are the leaves of a step's graph.
    pub(crate) fn trains(&self) -> bool {
        matches!(self.purpose, Purpose::Train)
    }
}

impl RandomParameter {
    /// From here to [`close`](Self::close) there is one draw, made at its first use. In training, what the estimators
    /// consume are leaves that require a gradient. Returns what was open before.
    pub(crate) fn open(&self, purpose: Purpose) -> Option<Scope> {
        let purpose = match purpose {
            // Only a Gaussian's gradients follow from those of its draw.
            Purpose::Train if self.rho.is_none() => Purpose::Graph,
            other => other,
        };
        let opens = self.held.is_none() && self.is_random();
        self.scope.replace(opens.then(|| Scope::new(purpose)))
    }

    /// Ends what [`open`](Self::open) began and returns what was consumed.
    pub(crate) fn close(&self) -> Option<Scope> {
        self.scope.take()
    }

    /// Goes back to what was open before.
    pub(crate) fn reopen(&self, scope: Option<Scope>) {
        self.scope.replace(scope);
    }

    /// The next use makes a new draw, while sigma, which all draws share, stays.
    pub(crate) fn renew(&self) {
        if let Some(scope) = self.scope.borrow_mut().as_mut() {
            scope.weights = None;
            scope.stacked = None;
        }
    }

    /// Stops where a step or a prediction of a model meets a random parameter that is not the model's: it would have a
    /// draw of its own at each use, and no KL.
    pub(super) fn is_reached(&self) {
        if OPEN.get() > 0 && self.held.is_none() && self.is_random() && self.scope.borrow().is_none() {
            fail(Error::configuration(
                "model",
                "a random parameter that the model's traversal does not reach",
                "a forward whose random parameters are all the model's own (one inside `nn::Sequential`, `nn::Func` or a \
                 skipped field is not) or frozen",
            ));
        }
    }

    /// The open scope's draw.
    pub(super) fn scope_draw(&self) -> Option<Draw> {
        self.spoil();
        let mut scope = self.scope.borrow_mut();
        let scope = scope.as_mut()?;
        if let (Some(weights), Some(key)) = (&scope.weights, scope.key) {
            return Some(Draw { weights: weights.shallow_clone(), noise: Noise::Keyed(key) });
        }
        let key = self.stream.next_key();
        let weights = match scope.purpose {
            Purpose::Graph => self.draw_with(Noise::Keyed(key)).weights,
            Purpose::Train | Purpose::Predict(_) => tch::no_grad(|| {
                self.in_one_pass(Some(key), scope)
                    .unwrap_or_else(|| self.draw_with(Noise::Keyed(key)).weights)
            }),
        };
        let weights = if scope.trains() { weights.set_requires_grad(true) } else { weights };
        scope.key = Some(key);
        scope.weights = Some(weights.shallow_clone());
        let draw = Draw { weights, noise: Noise::Keyed(key) };
        self.latest.replace(Some(draw.detached()));
        Some(draw)
    }

    /// Changes how many draws the open prediction's next forward makes.
    pub(crate) fn set_draws(&self, draws: i64) {
        if let Some(Scope { purpose: Purpose::Predict(stack), .. }) = self.scope.borrow_mut().as_mut() {
            stack.draws = draws;
        }
    }

    /// Says that a forward of several draws was one of a single draw here: which rows are whose, only those layers know that
    /// take part. The prediction begins again, draw by draw.
    pub(crate) fn spoil(&self) {
        if let Some(scope) = self.scope.borrow_mut().as_mut()
            && let Purpose::Predict(Stack { draws: 2.., .. }) = scope.purpose
        {
            scope.spoiled = true;
        }
    }

    /// Whether [`spoil`](Self::spoil) was called.
    pub(crate) fn is_spoiled(&self) -> bool {
        self.scope.borrow().as_ref().is_some_and(|scope| scope.spoiled)
    }

    /// Whether it is used in a prediction, where a draw is one function whatever the estimator.
    pub(crate) fn predicts(&self) -> bool {
        matches!(self.scope.borrow().as_ref(), Some(Scope { purpose: Purpose::Predict(_), .. }))
    }

    /// How the open scope stacks draws, if it is a prediction's.
    pub(crate) fn stack(&self) -> Option<Stack> {
        match self.scope.borrow().as_ref()?.purpose {
            Purpose::Predict(stack) if stack.draws > 1 || stack.marginal => Some(stack),
            _ => None,
        }
    }

    /// The weights of the next `draws` draws, `[draws, ..]`: those that as many scopes would draw, and the same for every
    /// use in one forward. A parameter without a scope is the same in all.
    pub(crate) fn stacked_draws(&self, draws: i64) -> Tensor {
        let mut shape = vec![draws];
        shape.extend(self.mu.size());
        if self.scope.borrow().is_none() {
            return self.draw().weights.unsqueeze(0).expand(shape, false);
        }
        let out = Tensor::empty(shape, self.kind_device());
        let mut scope = self.scope.borrow_mut();
        let Some(scope) = scope.as_mut() else { return out };
        if let Some(stacked) = &scope.stacked {
            return stacked.shallow_clone();
        }
        for draw in 0..draws {
            let key = self.stream.next_key();
            let slot = out.select(0, draw);
            if self.write_in_one_pass(&slot, Some(key), scope).is_none() {
                slot.shallow_clone().copy_(&self.draw_with(Noise::Keyed(key)).weights);
            }
            if draw + 1 == draws {
                self.latest.replace(Some(Draw { weights: slot.copy(), noise: Noise::Keyed(key) }));
            }
        }
        scope.stacked = Some(out.shallow_clone());
        out
    }

    /// Whether it has a mean and a standard deviation to draw outputs by.
    pub(crate) fn has_moments(&self) -> bool {
        self.held.is_none() && matches!(self.posterior, Posterior::Gaussian { .. })
    }

    /// What `make` returns, made once for all draws of a prediction.
    pub(crate) fn once_for_all_draws<E>(
        &self,
        make: impl FnOnce() -> Result<(Tensor, Tensor), E>,
    ) -> Result<(Tensor, Tensor), E> {
        if let Some((a, b)) = self.scope.borrow().as_ref().and_then(|scope| scope.shared.as_ref()) {
            return Ok((a.shallow_clone(), b.shallow_clone()));
        }
        let (a, b) = make()?;
        if let Some(scope) = self.scope.borrow_mut().as_mut() {
            scope.shared = Some((a.shallow_clone(), b.shallow_clone()));
        }
        Ok((a, b))
    }

    /// The open scope's sigma.
    pub(super) fn scope_sigma(&self) -> Option<Tensor> {
        let mut scope = self.scope.borrow_mut();
        let scope = scope.as_mut()?;
        if matches!(scope.purpose, Purpose::Graph) {
            return self.sigma();
        }
        if scope.sigma.is_none() {
            let sigma = tch::no_grad(|| self.in_one_pass(None, scope).or_else(|| self.sigma()))?;
            scope.sigma = Some(if scope.trains() { sigma.set_requires_grad(true) } else { sigma });
        }
        scope.sigma.as_ref().map(Tensor::shallow_clone)
    }

    /// w, or sigma without a key, by the kernel that also sums the KL; `None` where there is none for this posterior
    /// and its memory, or where not both variables are trained.
    fn in_one_pass(&self, key: Option<Key>, scope: &mut Scope) -> Option<Tensor> {
        let out = if memory::is_plain(&self.mu) { self.mu.empty_like() } else { return None };
        self.write_in_one_pass(&out, key, scope).map(|()| out)
    }

    fn write_in_one_pass(&self, out: &Tensor, key: Option<Key>, scope: &mut Scope) -> Option<()> {
        let rho = self.rho.as_ref()?;
        let trained = self.mu.requires_grad() && rho.requires_grad();
        if self.pruned.is_some() || (scope.trains() && !trained) {
            return None;
        }
        let prior = if scope.trains() && scope.kl.is_none() { self.gaussian_prior() } else { None };
        let sums = fused::draw(out, &self.mu, rho, self.prior_centre.as_ref(), key, prior)?;
        scope.kl = scope.kl.or(prior.map(|prior| (prior, sums)));
        Some(())
    }

    /// The prior, if it is a Gaussian, as it stands.
    fn gaussian_prior(&self) -> Option<GaussianPrior> {
        match (self.prior, &self.prior_rho) {
            (Prior::Gaussian { mean, std }, _) => Some(GaussianPrior { mean: mean as f32, std: std as f32 }),
            (Prior::LearnedGaussian { .. }, Some(rho)) => {
                Some(GaussianPrior { mean: 0.0, std: rho.softplus().double_value(&[]) as f32 })
            }
            _ => None,
        }
    }

    /// The KL's part of the loss, `weight` times it, in the closed form that [`Scope::kl`] is.
    pub(crate) fn closed_kl(&self, scope: &Scope, weight: f64) -> Option<ClosedKl<'_>> {
        scope.kl.map(|(prior, _)| ClosedKl { prior, centre: self.prior_centre.as_ref(), weight })
    }

    /// A learned prior's variable and the gradient that `weight` times [`Scope::kl`] gives it.
    pub(crate) fn prior_gradient(&self, scope: &Scope, weight: f64) -> Option<(&Tensor, Tensor)> {
        let (rho, (prior, sums)) = (self.prior_rho.as_ref()?, scope.kl?);
        // d softplus(x) / dx is the logistic function.
        Some((rho, tch::no_grad(|| rho.sigmoid() * (weight * sums.by_std(prior)))))
    }

    /// The gradients of (mu, rho) for one closed training scope: those of the leaves through w = mu + sigma eps and
    /// sigma = softplus(rho), those of mu and rho themselves, and the KL's. The tensors' own form of
    /// the fused update, for any kind, device and layout.
    pub(crate) fn gradients(
        &self,
        gradients: &Gradients<'_>,
        kl: Option<ClosedKl<'_>>,
    ) -> Option<(Tensor, Tensor)> {
        let rho = self.rho.as_ref()?;
        let or_zero =
            |gradient: Option<&Tensor>| gradient.map_or_else(|| rho.zeros_like(), Tensor::shallow_clone);
        tch::no_grad(|| {
            let (mut mu, mut sigma) = (or_zero(gradients.mu), or_zero(gradients.sigma));
            if let Some((gradient, key)) = gradients.weights {
                let (kind, device) = self.kind_device();
                mu = &mu + gradient;
                sigma = &sigma + gradient * noise::normals(key, &self.mu.size(), kind, device);
            }
            if let Some(ClosedKl { prior, weight, .. }) = kl {
                let (per_variance, scale) = (weight / f64::from(prior.std).powi(2), rho.softplus());
                mu = &mu + (self.centred(&self.mu) - f64::from(prior.mean)) * per_variance;
                sigma = &sigma + &scale * per_variance - scale.reciprocal() * weight;
            }
            if let Some(pruned) = &self.pruned {
                mu = mu.masked_fill(&pruned.mask, 0.0);
            }
            // At a pruned element's rho of minus infinity the slope is 0.
            Some((mu, sigma * rho.sigmoid() + or_zero(gradients.rho)))
        })
    }
}
