//! What estimators consume in a training step: leaves of the step's graph, so that no graph goes through the posterior.

use tch::Tensor;

use crate::noise::Key;
use crate::parameter::fused::{self, ClosedKl, GaussianPrior, Gradients, KlSums};
use crate::parameter::{ParameterId, RandomParameter};
use crate::simd::memory;

/// One parameter's leaves, and the KL that its draw's pass over memory summed up.
#[derive(Debug, Default)]
pub(crate) struct Leaves {
    /// The drawn weights.
    weights: Option<(Tensor, Key)>,
    /// Whether they are the draw in use.
    current: bool,
    /// softplus(rho), for estimators that draw outputs.
    sigma: Option<Tensor>,
    /// The axes along which the noise is, where they are not the elements' own.
    axes: Option<Tensor>,
    /// The prior and the KL's sums: the KL's gradient then is the update's to add, not autograd's.
    kl: Option<(GaussianPrior, KlSums)>,
}

/// Handles on the leaves of one parameter's draw in use.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub id: ParameterId,
    pub weights: Option<(Tensor, Key)>,
    pub sigma: Option<Tensor>,
    /// The axes along which the noise is, where they are not the elements' own.
    pub axes: Option<Tensor>,
}

impl Leaves {
    /// The leaves of the draw in use.
    pub(super) fn in_use(&self, id: ParameterId) -> Leaf {
        let weights = self.weights.as_ref().filter(|_| self.current);
        Leaf {
            id,
            weights: weights.map(|(weights, key)| (weights.shallow_clone(), *key)),
            sigma: self.sigma.as_ref().map(Tensor::shallow_clone),
            axes: self.axes.as_ref().map(Tensor::shallow_clone),
        }
    }

    /// The next use makes another draw.
    pub(crate) fn renew(&mut self) {
        self.current = false;
    }

    /// The draw in use, made from `next_key` if there is none.
    pub(super) fn draw(&mut self, parameter: &RandomParameter, next_key: impl FnOnce() -> Key) -> Tensor {
        if self.current
            && let Some((weights, _)) = &self.weights
        {
            return weights.shallow_clone();
        }
        let key = next_key();
        self.axes = parameter.axes().map(Tensor::shallow_clone);
        let weights = tch::no_grad(|| match self.axes {
            Some(_) => {
                // For the KL, which is the same along the axes.
                self.in_one_pass(parameter, None);
                parameter.draw_of(key)
            }
            None => self.in_one_pass(parameter, Some(key)).unwrap_or_else(|| parameter.draw_of(key)),
        });
        let weights = weights.detach().set_requires_grad(true);
        self.weights = Some((weights.shallow_clone(), key));
        self.current = true;
        weights
    }

    /// sigma, the same for all draws of the step.
    pub(super) fn sigma(&mut self, parameter: &RandomParameter) -> Option<Tensor> {
        if self.sigma.is_none() {
            let one_pass = |leaves: &mut Self| leaves.in_one_pass(parameter, None);
            let sigma = tch::no_grad(|| one_pass(self).or_else(|| parameter.sigma_along_axes()))?;
            self.sigma = Some(sigma.detach().set_requires_grad(true));
        }
        self.sigma.as_ref().map(Tensor::shallow_clone)
    }

    /// The KL in nats, where the draw's pass summed it.
    pub(crate) fn kl(&self) -> Option<f64> {
        self.kl.map(|(prior, sums)| sums.nats(prior))
    }

    /// w, or sigma without a key, by the kernel that also sums the KL; `None` where there is none for this memory.
    fn in_one_pass(&mut self, parameter: &RandomParameter, key: Option<Key>) -> Option<Tensor> {
        if !memory::is_plain(parameter.mu()) {
            return None;
        }
        let out = parameter.mu().empty_like();
        let prior = if self.kl.is_none() { parameter.gaussian_prior() } else { None };
        let sums = parameter.draw_into(&out, key, prior)?;
        self.kl = self.kl.or(prior.map(|prior| (prior, sums)));
        Some(out)
    }

    /// The KL's part of the loss, `weight` times it, in the closed form that [`kl`](Self::kl) is.
    pub(crate) fn closed_kl<'a>(&self, parameter: &'a RandomParameter, weight: f64) -> Option<ClosedKl<'a>> {
        self.kl.map(|(prior, _)| ClosedKl { prior, centre: parameter.prior_centre(), weight })
    }

    /// A learned prior's variable and the gradient that `weight` times [`kl`](Self::kl) gives it.
    pub(crate) fn prior_gradient(&self, parameter: &RandomParameter, weight: f64) -> Option<Tensor> {
        let (rho, (prior, sums)) = (parameter.prior_rho()?, self.kl?);
        // d softplus(x) / dx is the logistic function.
        Some(tch::no_grad(|| rho.sigmoid() * (weight * sums.by_std(prior))))
    }
}

impl RandomParameter {
    /// The prior, if it is a Gaussian, as it stands.
    pub(crate) fn gaussian_prior(&self) -> Option<GaussianPrior> {
        use crate::parameter::Prior;
        match self.prior() {
            Prior::Gaussian { mean, std } => Some(GaussianPrior { mean: mean as f32, std: std as f32 }),
            prior if prior.is_learned() => {
                self.prior_std().map(|std| GaussianPrior { mean: 0.0, std: std.double_value(&[]) as f32 })
            }
            _ => None,
        }
    }

    /// Whether its gradients follow from those of its draw: a mean-field Gaussian of which both variables are trained.
    pub(crate) fn trains_by_leaves(&self) -> bool {
        self.rho().is_some_and(|rho| rho.requires_grad()) && self.mu().requires_grad()
    }

    /// Writes a mean-field Gaussian's draw, or sigma without a key, in one pass over memory, and sums its KL to `prior`.
    pub(crate) fn draw_into(
        &self,
        out: &Tensor,
        key: Option<Key>,
        prior: Option<GaussianPrior>,
    ) -> Option<KlSums> {
        let sums = fused::draw(out, self.mu(), self.rho()?, self.prior_centre(), key, prior)?;
        Some(sums.without(self.num_pruned()))
    }

    /// The gradients of (mu, rho) for the leaves of one step: those of the leaves through w = mu + sigma eps and
    /// sigma = softplus(rho), those of mu and rho themselves, and the KL's. The tensors' own form of the optimisers' fused
    /// updates, for any kind, device and layout.
    pub(crate) fn gradients(
        &self,
        gradients: &Gradients<'_>,
        kl: Option<ClosedKl<'_>>,
    ) -> Option<(Tensor, Tensor)> {
        let rho = self.rho()?;
        let or_zero =
            |gradient: Option<&Tensor>| gradient.map_or_else(|| rho.zeros_like(), Tensor::shallow_clone);
        tch::no_grad(|| {
            let (mut mu, mut sigma) = (or_zero(gradients.mu), or_zero(gradients.sigma));
            let (kind, device) = self.kind_device();
            if let Some((gradient, key)) = gradients.weights {
                mu = &mu + gradient;
                sigma = &sigma + gradient * crate::noise::normals(key, &self.mu().size(), kind, device);
            }
            if let Some(ClosedKl { prior, weight, .. }) = kl {
                let (per_variance, scale) = (weight / f64::from(prior.std).powi(2), rho.softplus());
                mu = &mu + (self.centred(self.mu()) - f64::from(prior.mean)) * per_variance;
                sigma = &sigma + &scale * per_variance - scale.reciprocal() * weight;
            }
            if let Some(mask) = self.pruned_mask() {
                mu = mu.masked_fill(mask, 0.0);
                sigma = sigma.masked_fill(mask, 0.0);
            }
            // At a pruned element's rho of minus infinity the slope is 0.
            Some((mu, sigma * rho.sigmoid() + or_zero(gradients.rho)))
        })
    }
}
