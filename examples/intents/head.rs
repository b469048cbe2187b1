//! A Gaussian process over the encoder's sphere: for each intent a function that is 1 at its queries and 0 at the others', with its exact
//! posterior (Rasmussen & Williams 2006, section 2.2 and, for classes by regression, 6.5). Far from every training query the posterior
//! falls back to the prior, 0 for all intents: that is what tells a query of none.

use illia::prelude::*;

use crate::Failure;

/// exp(-|x - x'|² / (2 length²)), and the variance of the targets' noise: of (0.7, 0.1), (0.7, 0.3), (0.5, 0.3) the pair of the lowest NLL on the
/// validation queries.
const LENGTH: f64 = 0.7;
const NOISE: f64 = 0.3;

/// The posterior's mean functions.
pub struct Head {
    points: Tensor,
    /// (K + noise)⁻¹ Y, `[points, intents]`.
    weights: Tensor,
}

impl Head {
    /// The posterior given points on the sphere `[n, features]` and their intents' numbers `[n]`.
    pub fn fit(points: Tensor, labels: &Tensor, intents: i64) -> Result<Self, Failure> {
        let _no_grad = tch::no_grad_guard();
        let targets = Tensor::zeros([points.size()[0], intents], (Kind::Float, Device::Cpu));
        let _ = targets.shallow_clone().scatter_value_(1, &labels.unsqueeze(1), 1.0);
        let kernel = kernel(&points, &points);
        let _ = kernel.diagonal(0, 0, 1).g_add_scalar_(NOISE);
        let factor = kernel.f_linalg_cholesky(false)?;
        drop(kernel);
        let weights = targets.f_cholesky_solve(&factor, false)?;
        Ok(Head { points, weights })
    }

    /// The functions' posterior means, `[batch, intents]`.
    pub fn means(&self, points: &Tensor) -> Tensor {
        let _no_grad = tch::no_grad_guard();
        kernel(points, &self.points).matmul(&self.weights)
    }
}

fn kernel(a: &Tensor, b: &Tensor) -> Tensor {
    // On the unit sphere |x - x'|² = 2 - 2 x·x'.
    ((a.matmul(&b.tr()) - 1.0) / (LENGTH * LENGTH)).exp_()
}

/// From means m to probabilities p ∝ softplus(m / width)^power: what is below 0 counts for little. Two numbers, fitted on held-out queries.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    power: f64,
    width: f64,
}

impl Link {
    /// The best of a grid by the negative log-likelihood of the labels.
    pub fn fit(means: &Tensor, labels: &Tensor) -> Self {
        let nll = |link: &Link| {
            link.log_probabilities(means)
                .g_nll_loss::<Tensor>(labels, None, tch::Reduction::Mean, -100)
                .double_value(&[])
        };
        let grid = (0..25).flat_map(|i| {
            (0..15).map(move |j| Link { power: 1.5 + 0.25 * f64::from(i), width: 0.01 * 1.25f64.powi(j) })
        });
        let scored = grid.map(|link| (nll(&link), link));
        scored.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(Link { power: 1.0, width: 0.05 }, |(_, link)| link)
    }

    /// log of each intent's unnormalised probability, `[batch, intents]`.
    fn evidence(&self, means: &Tensor) -> Tensor {
        (means / self.width).softplus().log() * self.power
    }

    /// log p, `[batch, intents]`.
    pub fn log_probabilities(&self, means: &Tensor) -> Tensor {
        self.evidence(means).log_softmax(-1, Kind::Float)
    }

    /// How little speaks for any intent, `[batch]`: minus the log of the sum that the probabilities are divided by.
    pub fn strangeness(&self, means: &Tensor) -> Tensor {
        -self.evidence(means).logsumexp(-1i64, false)
    }
}
