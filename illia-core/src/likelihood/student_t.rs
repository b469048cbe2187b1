//! Numbers with heavy-tailed noise.

use tch::nn::Path;
use tch::{Kind, Tensor};

use super::{Likelihood, Scale, matched, per_example, positive};
use crate::dist::student_t;
use crate::error::{Error, Result};

/// Numbers with Student-t noise, which bears outliers: the output holds the locations `[batch, ..]`.
///
/// Its variance is scale^2 dof / (dof - 2), so dof must be above 2.
#[derive(Debug)]
pub struct StudentT {
    dof: f64,
    scale: Scale,
}

impl StudentT {
    /// Noise of `dof` degrees of freedom, multiplied by `scale`.
    ///
    /// # Errors
    /// [`Error::Configuration`] unless `dof` is above 2 and `scale` above 0.
    pub fn fixed(dof: f64, scale: f64) -> Result<Self> {
        Ok(StudentT { dof: checked(dof)?, scale: Scale::fixed("scale", scale)? })
    }

    /// Noise whose scale is learned, from `scale` on: softplus of the variable `noise_rho` in `p`.
    ///
    /// # Errors
    /// [`Error::Configuration`] unless `dof` is above 2 and `scale` above 0.
    pub fn learned(p: &Path, dof: f64, scale: f64) -> Result<Self> {
        Ok(StudentT { dof: checked(dof)?, scale: Scale::learned(p, "noise", scale)? })
    }
}

fn checked(dof: f64) -> Result<f64> {
    positive("dof", dof)?;
    if dof <= 2.0 {
        return Err(Error::configuration("dof", dof, "above 2, or the noise has no variance"));
    }
    Ok(dof)
}

impl Likelihood for StudentT {
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        let target = matched("StudentT", output, target)?;
        let scale = self.scale.like(output);
        let z = (target - output) / &scale;
        Ok(per_example(&(student_t::log_standard_density(&z, self.dof) - scale.log())))
    }

    fn mean(&self, output: &Tensor) -> Tensor {
        output.shallow_clone()
    }

    fn variance(&self, output: &Tensor) -> Tensor {
        (self.scale.like(output).square() * (self.dof / (self.dof - 2.0))).expand_as(output)
    }

    fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor> {
        // With z = sqrt(dof) tan(a), the density in a is proportional to cos(a)^(dof - 1): a smooth function on a
        // finite interval, integrated by Simpson's rule.
        let angle = ((y - output) / self.scale.like(output) / self.dof.sqrt()).to_kind(Kind::Double).atan();
        let mut sum = angle.zeros_like();
        for i in 0..=SIMPSON {
            let weight = if i == 0 || i == SIMPSON {
                1.0
            } else if i % 2 == 1 {
                4.0
            } else {
                2.0
            };
            let at = &angle * (i as f64 / SIMPSON as f64);
            sum += at.cos().clamp_min(0.0).pow_tensor_scalar(self.dof - 1.0) * weight;
        }
        let normaliser = student_t::log_normaliser(self.dof).exp() * self.dof.sqrt();
        let integral = sum * &angle * (normaliser / (3.0 * SIMPSON as f64));
        Some((integral + 0.5).clamp(0.0, 1.0).to_kind(output.kind()))
    }
}

/// Intervals of Simpson's rule: enough for 1e-6 at up to 1000 degrees of freedom.
const SIMPSON: usize = 128;
