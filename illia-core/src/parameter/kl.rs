//! What a random parameter costs: exact, or estimated at a draw.

use tch::Tensor;

use super::{Held, Noise, RandomParameter};
use crate::noise;
use crate::parameter::Posterior;

impl RandomParameter {
    /// KL(posterior ‖ prior) in nats, summed over the elements: a scalar in the graph.
    ///
    /// Exact where it has a closed form: a Gaussian posterior under a Gaussian, Laplace or learned
    /// Gaussian prior. A point costs -log p(mu). Dropout costs its expected
    /// squared weights under a Gaussian prior (Gal & Ghahramani 2016, appendix, up to a constant).
    /// Elsewhere it is the Monte Carlo estimate of [`kl_monte_carlo`](Self::kl_monte_carlo).
    pub fn kl(&self) -> Tensor {
        match (&self.posterior, self.sigma()) {
            (Posterior::Deterministic { .. }, _) => Tensor::zeros([0i64; 0], self.kind_device()),
            (Posterior::Gaussian { .. }, Some(sigma)) => {
                let (centred, sigma) = (self.kept(&self.centred(&self.mu)), self.kept(&sigma));
                match self.prior.kl_from_gaussian(&centred, &sigma, self.prior_std().as_ref()) {
                    Some(kl) => kl.sum(self.mu.kind()),
                    None => self.kl_monte_carlo(),
                }
            }
            (Posterior::Dropout { p, .. }, _) if self.mu.dim() > 1 => {
                // E over the coins of -log prior: kept weights are mu / (1 - p), dropped ones 0.
                let dropped = self.mu.zeros_like();
                let kept = &self.mu * (1.0 / (1.0 - p));
                let cost = self.log_prior(&kept) * (1.0 - p) + self.log_prior(&dropped) * *p;
                -cost.sum(self.mu.kind())
            }
            _ => -self.log_prior(&self.mu).sum(self.mu.kind()),
        }
    }

    /// log q(w) - log p(w) in nats at the draw in use (the one held, else the latest, else a new
    /// one), summed over the elements: a scalar in the graph, and what the Python library computes.
    ///
    /// Its mean over draws is [`kl`](Self::kl). Posteriors without a density return [`kl`](Self::kl).
    pub fn kl_monte_carlo(&self) -> Tensor {
        let (Posterior::Gaussian { .. }, Some(sigma)) = (&self.posterior, self.sigma()) else {
            return self.kl();
        };
        if let Some(Held::Draw(draw)) = &self.held {
            // The draw is a constant now: only its density under the posterior moves.
            let (sigma, off) = (self.kept(&sigma), self.kept(&(&draw.weights - &self.mu)));
            let log_q = (off / &sigma).square() * -0.5 - sigma.log() - LOG_SQRT_2PI;
            return (log_q - self.log_prior(&draw.weights)).sum(self.mu.kind());
        }
        if self.latest.borrow().is_none() {
            self.draw_without_scope();
        }
        let (kind, device) = self.kind_device();
        let eps = match self.latest.borrow().as_ref().map(|draw| &draw.noise) {
            Some(Noise::Given(eps)) => eps.shallow_clone(),
            Some(Noise::Keyed(key)) => noise::normals(*key, &self.mu.size(), kind, device),
            Some(Noise::None) | None => self.mu.zeros_like(),
        };
        // With w = mu + sigma eps, log q(w) = -eps^2 / 2 - log sigma - log sqrt(2 pi).
        let w = &self.mu + &sigma * &eps;
        let log_q = self.kept(&eps).square() * -0.5 - self.kept(&sigma).log() - LOG_SQRT_2PI;
        (log_q - self.log_prior(&w)).sum(kind)
    }

    fn prior_std(&self) -> Option<Tensor> {
        self.prior_rho.as_ref().map(Tensor::softplus)
    }

    pub(super) fn centred(&self, w: &Tensor) -> Tensor {
        match &self.prior_centre {
            Some(centre) => w - centre,
            None => w.shallow_clone(),
        }
    }

    fn log_prior(&self, w: &Tensor) -> Tensor {
        self.prior.log_density(&self.kept(&self.centred(w)), self.prior_std().as_ref())
    }
}

const LOG_SQRT_2PI: f64 = 0.918_938_533_204_672_7;
