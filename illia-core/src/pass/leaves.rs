//! What estimators consume in a training step: leaves of the step's graph, so that no graph goes through the posterior.

use tch::{Device, Kind, Tensor};

use crate::noise::{self, Key};
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
    kl: Option<(GaussianPrior, Summed)>,
}

/// The KL's sums, where they are.
#[derive(Debug)]
enum Summed {
    Here(KlSums),
    /// On a device, to be waited for when all of the forward is under way: what [`KlSums::of_norms`] takes, and for how many elements.
    OnDevice(Tensor, usize),
}

impl Summed {
    fn get(&self) -> KlSums {
        match self {
            Summed::Here(sums) => *sums,
            Summed::OnDevice(norms, count) => {
                let norms = norms.to_device(Device::Cpu);
                KlSums::of_norms([0, 1, 2].map(|i| norms.double_value(&[i])), *count)
            }
        }
    }
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
        self.kl.as_ref().map(|(prior, sums)| sums.get().nats(*prior))
    }

    /// w, or sigma without a key, by the kernel that also sums the KL, or on a GPU by the few calls that do so; `None` where there
    /// are none for this memory.
    fn in_one_pass(&mut self, parameter: &RandomParameter, key: Option<Key>) -> Option<Tensor> {
        let plain = memory::is_plain(parameter.mu());
        if !plain && !parameter.is_on_gpu() {
            return None;
        }
        let prior = if self.kl.is_none() { parameter.gaussian_prior() } else { None };
        let (out, sums) = if plain {
            let out = parameter.mu().empty_like();
            let sums = parameter.draw_into(&out, key, prior)?;
            (out, prior.map(|_| Summed::Here(sums)))
        } else {
            let (out, norms) = parameter.draw_on_gpu(key, prior)?;
            (out, norms.map(|norms| Summed::OnDevice(norms, parameter.mu().numel())))
        };
        if let (Some(prior), Some(sums)) = (prior, sums) {
            self.kl = Some((prior, sums));
        }
        Some(out)
    }

    /// The KL's part of the loss, `weight` times it, in the closed form that [`kl`](Self::kl) is.
    pub(crate) fn closed_kl<'a>(&self, parameter: &'a RandomParameter, weight: f64) -> Option<ClosedKl<'a>> {
        let (prior, _) = self.kl.as_ref()?;
        Some(ClosedKl { prior: *prior, centre: parameter.prior_centre(), weight })
    }

    /// A learned prior's variable and the gradient that `weight` times [`kl`](Self::kl) gives it.
    pub(crate) fn prior_gradient(&self, parameter: &RandomParameter, weight: f64) -> Option<Tensor> {
        let (rho, (prior, sums)) = (parameter.prior_rho()?, self.kl.as_ref()?);
        // d softplus(x) / dx is the logistic function.
        Some(tch::no_grad(|| rho.sigmoid() * (weight * sums.get().by_std(*prior))))
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

    /// Whether its numbers are single precision on a GPU, and none is pruned.
    pub(super) fn is_on_gpu(&self) -> bool {
        self.mu().device().is_cuda() && self.mu().kind() == Kind::Float && self.num_pruned() == 0
    }

    /// On a GPU, where each call costs more than its arithmetic: a mean-field Gaussian's draw, or sigma without a key, and for the KL to
    /// `prior` what [`KlSums::of_norms`] takes.
    fn draw_on_gpu(
        &self,
        key: Option<Key>,
        prior: Option<GaussianPrior>,
    ) -> Option<(Tensor, Option<Tensor>)> {
        let (mu, sigma) = (self.mu(), self.rho()?.softplus());
        let norms = prior.map(|prior| {
            let distance = self.centred(mu) - f64::from(prior.mean);
            Tensor::stack(&[distance.norm(), sigma.norm(), sigma.log().sum(Kind::Float)], 0)
        });
        let out = match key {
            Some(key) => noise::normals(key, &mu.size(), Kind::Float, mu.device()) * sigma + mu,
            None => sigma,
        };
        Some((out, norms))
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
        let own = |gradient: Option<&Tensor>| gradient.map(Tensor::shallow_clone);
        let plus = |sum: Option<Tensor>, term: Tensor| match sum {
            Some(sum) => sum + term,
            None => term,
        };
        tch::no_grad(|| {
            let (mut mu, mut sigma) = (own(gradients.mu), own(gradients.sigma));
            let (kind, device) = self.kind_device();
            if let Some((gradient, key)) = gradients.weights {
                mu = Some(plus(mu, gradient.shallow_clone()));
                sigma = Some(plus(sigma, gradient * noise::normals(key, &self.mu().size(), kind, device)));
            }
            if let Some(ClosedKl { prior, weight, .. }) = kl {
                let (per_variance, scale) = (weight / f64::from(prior.std).powi(2), rho.softplus());
                mu = Some(plus(mu, (self.centred(self.mu()) - f64::from(prior.mean)) * per_variance));
                sigma = Some(plus(sigma, &scale * per_variance - scale.reciprocal() * weight));
            }
            if let Some(mask) = self.pruned_mask() {
                [mu, sigma] = [mu, sigma].map(|of| of.map(|of| of.masked_fill(mask, 0.0)));
            }
            // At a pruned element's rho of minus infinity the slope is 0.
            let of_rho = sigma.map(|sigma| sigma * rho.sigmoid());
            let of_rho = match own(gradients.rho) {
                Some(own) => Some(plus(of_rho, own)),
                None => of_rho,
            };
            let or_zero = |of: Option<Tensor>| of.unwrap_or_else(|| rho.zeros_like());
            Some((or_zero(mu), or_zero(of_rho)))
        })
    }
}
