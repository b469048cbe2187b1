//! One draw for as long as a step or a prediction lasts, without a graph through the posterior.

use tch::Tensor;

use super::{Draw, Noise, RandomParameter};
use crate::kernels::gaussian::{self, ClosedKl, GaussianPrior, Gradients};
use crate::kernels::memory;
use crate::noise::{self, Key};
use crate::posterior::Posterior;
use crate::prior::Prior;

/// What the estimators consumed between `open` and `close`: one draw, made at its first use and shared by every
/// forward in between.
///
/// In a training step it holds the leaves of the step's graph, so that no graph goes through the posterior; in a
/// prediction it makes all batches see the same function.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Whether gradients are wanted.
    train: bool,
    /// The draw's noise.
    pub key: Option<Key>,
    /// The drawn weights w.
    pub weights: Option<Tensor>,
    /// softplus(rho), for estimators that draw outputs.
    pub sigma: Option<Tensor>,
    /// The KL in nats, where the draw's pass summed it: its gradient then is the update's to add, not autograd's.
    pub kl: Option<f64>,
}

impl RandomParameter {
    /// From here to [`close`](Self::close) there is one draw, made at its first use. With `train`, what the estimators
    /// consume are leaves that require a gradient.
    pub(crate) fn open(&self, train: bool) {
        let gaussian = matches!(self.posterior, Posterior::Gaussian { .. });
        if self.held.is_none() && (gaussian || (self.is_random() && !train)) {
            self.scope.replace(Some(Scope { train, ..Scope::default() }));
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
        if let (Some(weights), Some(key)) = (&scope.weights, scope.key) {
            return Some(Draw { weights: weights.shallow_clone(), noise: Noise::Keyed(key) });
        }
        let key = self.stream.next_key();
        let weights = tch::no_grad(|| match self.in_one_pass(Some(key), scope) {
            Some(weights) => weights,
            None => self.draw_with(Noise::Keyed(key)).weights,
        });
        let weights = if scope.train { weights.set_requires_grad(true) } else { weights };
        scope.key = Some(key);
        scope.weights = Some(weights.shallow_clone());
        let draw = Draw { weights, noise: Noise::Keyed(key) };
        self.latest.replace(Some(draw.detached()));
        Some(draw)
    }

    /// The open scope's sigma.
    pub(super) fn scope_sigma(&self) -> Option<Tensor> {
        let mut scope = self.scope.borrow_mut();
        let scope = scope.as_mut()?;
        if scope.sigma.is_none() {
            let sigma = tch::no_grad(|| self.in_one_pass(None, scope).or_else(|| self.sigma()))?;
            scope.sigma = Some(if scope.train { sigma.set_requires_grad(true) } else { sigma });
        }
        scope.sigma.as_ref().map(Tensor::shallow_clone)
    }

    /// w, or sigma without a key, by the kernel that also sums the KL; `None` where there is none for this posterior
    /// and its memory, or where not both variables are trained.
    fn in_one_pass(&self, key: Option<Key>, scope: &mut Scope) -> Option<Tensor> {
        let rho = self.rho.as_ref()?;
        let trained = self.mu.requires_grad() && rho.requires_grad();
        if !memory::is_plain(&self.mu) || self.pruned.is_some() || (scope.train && !trained) {
            return None;
        }
        let prior = self.gaussian_prior().filter(|_| scope.train && scope.kl.is_none());
        let out = self.mu.empty_like();
        let kl = gaussian::draw(&out, &self.mu, rho, self.prior_centre.as_ref(), key, prior)?;
        if prior.is_some() {
            scope.kl = Some(kl);
        }
        Some(out)
    }

    /// The prior, if it is a Gaussian with nothing to learn.
    fn gaussian_prior(&self) -> Option<GaussianPrior> {
        match self.prior {
            Prior::Gaussian { mean, std } => Some(GaussianPrior { mean: mean as f32, std: std as f32 }),
            _ => None,
        }
    }

    /// The KL's part of the loss, `weight` times it, in the closed form that [`Scope::kl`] is.
    pub(crate) fn closed_kl(&self, weight: f64) -> Option<ClosedKl<'_>> {
        self.gaussian_prior().map(|prior| ClosedKl { prior, centre: self.prior_centre.as_ref(), weight })
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
