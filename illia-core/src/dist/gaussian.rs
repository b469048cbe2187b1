//! The normal distribution.

use tch::Tensor;

use super::LOG_SQRT_2PI;

/// log N(x; 0, std²), `centred` being the distance of x from the mean.
pub(crate) fn log_density(centred: &Tensor, std: &Tensor) -> Tensor {
    (centred / std).square() * -0.5 - std.log() - LOG_SQRT_2PI
}

/// KL(N(mu, sigma²) ‖ N(m, std²)), `centred` being mu - m: (d² + sigma²) / 2 std² - log(sigma / std) - 1/2.
pub(crate) fn kl(centred: &Tensor, sigma: &Tensor, std: &Tensor) -> Tensor {
    (centred.square() + sigma.square()) / (std.square() * 2.0) - sigma.log() + std.log() - 0.5
}
