//! Bayesian linear regression with known noise in closed form (Bishop 2006, section 3.3), in f64.

use tch::{Kind, Tensor};

/// The posterior N(mean, precision⁻¹) of the weights of y = X w + noise with w_i ~ N(0, prior_i²).
#[derive(Debug)]
pub struct Exact {
    /// `[columns]`.
    pub mean: Tensor,
    /// `[columns, columns]`: Xᵀ X / noise² + diag(1 / prior²).
    pub precision: Tensor,
}

impl Exact {
    /// From the design matrix `x` `[rows, columns]`, `y` `[rows, 1]`, and the priors' standard deviations `[columns]`; whatever their
    /// kind, it is computed in f64.
    pub fn new(x: &Tensor, y: &Tensor, noise: f64, prior: &Tensor) -> Exact {
        let (x, y, prior) = (x.to_kind(Kind::Double), y.to_kind(Kind::Double), prior.to_kind(Kind::Double));
        let precision = x.tr().matmul(&x) / (noise * noise) + prior.square().reciprocal().diag(0);
        let mean = precision.inverse().matmul(&(x.tr().matmul(&y) / (noise * noise))).squeeze_dim(1);
        Exact { mean, precision }
    }

    /// The function's posterior mean and standard deviation at `x` `[points, columns]`, each `[points, 1]`.
    pub fn at(&self, x: &Tensor) -> (Tensor, Tensor) {
        let x = x.to_kind(Kind::Double);
        let variance = (x.matmul(&self.precision.inverse()) * &x).sum_dim_intlist(1i64, true, None);
        (x.matmul(&self.mean.unsqueeze(1)), variance.sqrt())
    }

    /// The function's standard deviation at `x` under the best independent Gaussians by KL(q ‖ posterior), `[points, 1]`: they have
    /// the posterior's mean and sigma_i² = 1 / precision_ii (Bishop 2006, section 10.1.2).
    pub fn independent_std(&self, x: &Tensor) -> Tensor {
        let variance = self.precision.diagonal(0, 0, 1).reciprocal().unsqueeze(1);
        x.to_kind(Kind::Double).square().matmul(&variance).sqrt()
    }
}
