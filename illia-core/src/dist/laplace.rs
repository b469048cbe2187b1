//! The Laplace distribution, exp(-|x| / scale) / (2 scale).

use std::f64::consts::PI;

use tch::Tensor;

/// The log of the density.
pub(crate) fn log_density(x: &Tensor, scale: f64) -> Tensor {
    x.abs() * (-1.0 / scale) - (2.0 * scale).ln()
}

/// KL(N(mu, sigma²) ‖ Laplace): E|w| is the folded normal's mean; the Gaussian's entropy is log sigma + log(2 pi e) / 2.
pub(crate) fn kl_from_gaussian(mu: &Tensor, sigma: &Tensor, scale: f64) -> Tensor {
    let ratio = mu / sigma;
    let folded = sigma * (2.0 / PI).sqrt() * (ratio.square() * -0.5).exp() + mu * (ratio / 2f64.sqrt()).erf();
    let entropy = sigma.log() + 0.5 * (1.0 + (2.0 * PI).ln());
    folded / scale + (2.0 * scale).ln() - entropy
}
