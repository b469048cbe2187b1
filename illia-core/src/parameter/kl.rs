//! What a random parameter costs: exact, or estimated at a draw.

use tch::{Kind, Tensor};

use super::{Held, Prior, PriorOf, RandomParameter};
use crate::dist::{LOG_SQRT_2PI, gaussian};
use crate::noise;

impl RandomParameter {
    /// KL(posterior ‖ prior) in nats, summed over the elements: a scalar in the graph.
    ///
    /// Exact where it has a closed form: a Gaussian posterior under a Gaussian, Laplace or learned
    /// Gaussian prior. A point costs -log p(mu). Dropout costs its expected
    /// squared weights under a Gaussian prior (Gal & Ghahramani 2016, appendix, up to a constant).
    /// Elsewhere it is the Monte Carlo estimate of [`kl_monte_carlo`](Self::kl_monte_carlo).
    pub fn kl(&self) -> Tensor {
        let Some(family) = self.family() else { return Tensor::zeros([0i64; 0], self.kind_device()) };
        let exact = family.kl(&self.variables, &PriorOf { parameter: self });
        exact.unwrap_or_else(|| self.kl_monte_carlo())
    }

    /// log q(w) - log p(w) in nats at the draw in use (the one held, else the latest, else a new
    /// one), summed over the elements: a scalar in the graph, and what the Python library computes.
    ///
    /// Its mean over draws is [`kl`](Self::kl). Posteriors without a density return [`kl`](Self::kl).
    pub fn kl_monte_carlo(&self) -> Tensor {
        match self.sigma_along_axes() {
            Some(sigma) => self.gaussian_kl_monte_carlo(&sigma),
            None => self.family_kl_monte_carlo().unwrap_or_else(|| {
                let exact = self.family().and_then(|f| f.kl(&self.variables, &PriorOf { parameter: self }));
                exact.unwrap_or_else(|| -self.log_prior(self.mu()).sum(self.mu().kind()))
            }),
        }
    }

    fn gaussian_kl_monte_carlo(&self, sigma: &Tensor) -> Tensor {
        let (kind, device) = self.kind_device();
        if let Some(Held::Weights(weights)) = &self.held {
            // The draw is a constant now: only its density under the posterior moves.
            let along = self.variables().along(weights - self.mu());
            let log_q = gaussian::log_density(&self.kept(&along), &self.kept(sigma));
            return (log_q - self.log_prior(weights)).sum(kind);
        }
        let eps = match (&self.held, self.latest().or_else(|| self.next_draw())) {
            (Some(Held::Noise(eps)), _) => eps.shallow_clone(),
            (_, Some(key)) => noise::normals(key, &self.mu().size(), kind, device),
            (_, None) => self.mu().zeros_like(),
        };
        // With w = mu + sigma eps, log q(w) = -eps^2 / 2 - log sigma - log sqrt(2 pi); to turn it changes no density.
        let w = self.mu() + self.variables().turned(sigma * &eps);
        let log_q = self.kept(&eps).square() * -0.5 - self.kept(sigma).log() - LOG_SQRT_2PI;
        (log_q - self.log_prior(&w)).sum(kind)
    }

    /// The same for any family that has a density.
    fn family_kl_monte_carlo(&self) -> Option<Tensor> {
        let family = self.family()?;
        let w = match &self.held {
            Some(Held::Weights(weights)) => weights.shallow_clone(),
            _ => self.draw_of(self.latest().or_else(|| self.next_draw())?),
        };
        let log_q = family.log_density(&self.variables, &w)?;
        Some(log_q - self.log_prior(&w).sum(w.kind()))
    }

    /// -log p(mu) in nats under a fixed Gaussian prior, up to its normaliser: what a mode costs, without the pruned elements. None
    /// under others, and for plain weights.
    pub(crate) fn mode_penalty(&self) -> Option<f64> {
        if let Some(earlier) = self.earlier() {
            let location = self.location();
            let twice =
                || self.kept(&(earlier.pull(&location) * (&location - &earlier.mean))).sum(Kind::Double);
            return Some(0.5 * tch::no_grad(twice).double_value(&[]));
        }
        let (mean, std) = self.fixed_gaussian()?;
        let squares =
            tch::no_grad(|| (self.kept(&self.centred(self.mu())) - mean).square().sum(Kind::Double));
        Some(0.5 * squares.double_value(&[]) / (std * std))
    }

    /// The gradient by mu of `weight` times [`mode_penalty`](Self::mode_penalty); None where frozen, too.
    pub(crate) fn mode_penalty_gradient(&self, weight: f64) -> Option<Tensor> {
        if self.held().is_some() {
            return None;
        }
        let gradient = match (self.earlier(), self.fixed_gaussian()) {
            (Some(earlier), _) => tch::no_grad(|| earlier.pull(self.mu()) * weight),
            (None, of_one) => {
                let (mean, std) = of_one?;
                tch::no_grad(|| (self.centred(self.mu()) - mean) * (weight / (std * std)))
            }
        };
        Some(match self.pruned_mask() {
            Some(mask) => gradient.masked_fill(mask, 0.0),
            None => gradient,
        })
    }

    /// Mean and standard deviation of the prior, where that is one Gaussian for all elements whose scale is not learned.
    pub(crate) fn fixed_gaussian(&self) -> Option<(f64, f64)> {
        match self.prior() {
            Prior::Gaussian { mean, std } if self.is_random() => Some((mean, std)),
            _ => None,
        }
    }

    /// KL(N(mean, std²) ‖ prior), element by element without the pruned ones, where it has a closed form.
    pub(super) fn kl_from_gaussian(&self, mean: &Tensor, std: &Tensor) -> Option<Tensor> {
        if let Some(earlier) = self.earlier() {
            return Some(self.kept(&earlier.kl_from_gaussian(mean, std, None)));
        }
        let (centred, std) = (self.kept(&self.centred(mean)), self.kept(std));
        self.prior().kl_from_gaussian(&centred, &std, self.prior_std().as_ref())
    }

    /// A learned prior's scale, in the graph.
    pub(crate) fn prior_std(&self) -> Option<Tensor> {
        self.prior_rho.as_ref().map(Tensor::softplus)
    }

    pub(crate) fn centred(&self, w: &Tensor) -> Tensor {
        match &self.prior_centre {
            Some(centre) => w - centre,
            None => w.shallow_clone(),
        }
    }

    pub(super) fn log_prior(&self, w: &Tensor) -> Tensor {
        if let Some(earlier) = self.earlier() {
            return self.kept(&earlier.log_density(w));
        }
        self.prior().log_density(&self.kept(&self.centred(w)), self.prior_std().as_ref())
    }
}
