//! One draw for as long as a step or a prediction lasts, without a graph through the posterior.

use tch::Tensor;

use super::{Draw, Noise, RandomParameter};
use crate::error::{Error, fail};
use crate::kernels::gaussian::{self, ClosedKl, GaussianPrior, Gradients, KlSums};
use crate::kernels::memory;
use crate::noise::{self, Key};
use crate::posterior::Posterior;
use crate::prior::Prior;

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
    /// What all draws of a prediction share.
    shared: Option<(Tensor, Tensor)>,
}

/// What a scope is opened for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// A step: the leaves want gradients.
    Train,
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

impl Scope {
    /// The KL in nats, where the draw's pass summed it.
    pub(crate) fn kl(&self) -> Option<f64> {
        self.kl.map(|(prior, sums)| sums.nats(prior))
    }

    fn trains(&self) -> bool {
        matches!(self.purpose, Purpose::Train)
    }

    /// Stops a forward of several draws: which rows are whose, only those layers know that take part. The prediction
    /// begins again, draw by draw.
    fn one_draw(&self) {
        if let Purpose::Predict(Stack { draws: 2.., .. }) = self.purpose {
            fail(Error::configuration("draws", "several in one forward", "one at a time in this layer"));
        }
    }
}

impl RandomParameter {
    /// From here to [`close`](Self::close) there is one draw, made at its first use. In training, what the estimators
    /// consume are leaves that require a gradient.
    pub(crate) fn open(&self, purpose: Purpose) {
        let gaussian = matches!(self.posterior, Posterior::Gaussian { .. });
        if self.held.is_none() && (gaussian || (self.is_random() && !matches!(purpose, Purpose::Train))) {
            let scope = Scope { purpose, key: None, weights: None, sigma: None, kl: None, shared: None };
            self.scope.replace(Some(scope));
        }
    }

    /// Ends what [`open`](Self::open) began and returns what was consumed.
    pub(crate) fn close(&self) -> Option<Scope> {
        self.scope.take()
    }

    /// The next use makes a new draw, while sigma, which all draws share, stays.
    pub(crate) fn renew(&self) {
        if let Some(scope) = self.scope.borrow_mut().as_mut() {
            scope.weights = None;
        }
    }

    /// The open scope's draw.
    pub(super) fn scope_draw(&self) -> Option<Draw> {
        let mut scope = self.scope.borrow_mut();
        let scope = scope.as_mut()?;
        scope.one_draw();
        if let (Some(weights), Some(key)) = (&scope.weights, scope.key) {
            return Some(Draw { weights: weights.shallow_clone(), noise: Noise::Keyed(key) });
        }
        let key = self.stream.next_key();
        let weights = tch::no_grad(|| match self.in_one_pass(Some(key), scope) {
            Some(weights) => weights,
            None => self.draw_with(Noise::Keyed(key)).weights,
        });
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

    /// Stops a forward of several draws.
    pub(crate) fn one_draw(&self) {
        if let Some(scope) = self.scope.borrow().as_ref() {
            scope.one_draw();
        }
    }

    /// How the open scope stacks draws, if it is a prediction's.
    pub(crate) fn stack(&self) -> Option<Stack> {
        match self.scope.borrow().as_ref()?.purpose {
            Purpose::Predict(stack) if stack.draws > 1 || stack.marginal => Some(stack),
            _ => None,
        }
    }

    /// The weights of the next `draws` draws, `[draws, ..]`: those that as many scopes would draw. A parameter without
    /// a scope is the same in all.
    pub(crate) fn stacked_draws(&self, draws: i64) -> Tensor {
        let mut shape = vec![draws];
        shape.extend(self.mu.size());
        if self.scope.borrow().is_none() {
            return self.draw().weights.unsqueeze(0).expand(shape, false);
        }
        let mut scope = self.scope.borrow_mut();
        let mut scope = scope.as_mut();
        let out = Tensor::empty(shape, self.kind_device());
        for draw in 0..draws {
            let key = self.stream.next_key();
            let slot = out.select(0, draw);
            let written = scope.as_mut().and_then(|scope| self.write_in_one_pass(&slot, Some(key), scope));
            if written.is_none() {
                slot.shallow_clone().copy_(&self.draw_with(Noise::Keyed(key)).weights);
            }
            if draw + 1 == draws {
                self.latest.replace(Some(Draw { weights: slot.copy(), noise: Noise::Keyed(key) }));
            }
        }
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
        let sums = gaussian::draw(out, &self.mu, rho, self.prior_centre.as_ref(), key, prior)?;
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
    /// [`gaussian::update`], for any kind, device and layout.
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
