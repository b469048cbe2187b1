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
pub struct Process {
    points: Tensor,
    /// (K + noise)⁻¹ Y, `[points, intents]`.
    weights: Tensor,
}

impl Process {
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
        Ok(Process { points, weights })
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
