//! Student's t distribution.

use std::f64::consts::PI;

use tch::Tensor;

use super::ln_gamma;

/// log Γ((dof + 1) / 2) - log Γ(dof / 2) - log(dof pi) / 2: what makes the density integrate to one.
pub(crate) fn log_normaliser(dof: f64) -> f64 {
    ln_gamma(0.5 * (dof + 1.0)) - ln_gamma(0.5 * dof) - 0.5 * (dof * PI).ln()
}

/// The log of the density of `z` in units of the scale, without the scale's own -log.
pub(crate) fn log_standard_density(z: &Tensor, dof: f64) -> Tensor {
    z.square().g_div_scalar(dof).log1p() * (-0.5 * (dof + 1.0)) + log_normaliser(dof)
}
