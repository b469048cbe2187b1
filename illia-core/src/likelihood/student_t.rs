//! Numbers with heavy-tailed noise.

use std::borrow::Borrow;
use std::f64::consts::{FRAC_PI_2, PI};

use tch::nn::Path;
use tch::{Kind, Tensor};

use super::{Likelihood, Scale, matched, per_example, positive};
use crate::dist::student_t;
use crate::error::{Error, Result};

/// Numbers with Student-t noise, which bears outliers: the output holds the locations `[batch, ..]`.
///
/// Its variance is scale^2 dof / (dof - 2), so dof must be above 2.
///
/// ```
/// use illia_core::likelihood::{Gaussian, Likelihood, StudentT};
/// use tch::Tensor;
///
/// // What lies ten deviations off costs a Gaussian ten times as much.
/// let (output, far) = (Tensor::from_slice(&[0f32]).reshape([1, 1]), Tensor::from_slice(&[10f32]).reshape([1, 1]));
/// let heavy = StudentT::fixed(4.0, 1.0)?.log_likelihood(&output, &far)?;
/// let light = Gaussian::fixed(1.0)?.log_likelihood(&output, &far)?;
/// assert!(heavy.double_value(&[0]) > light.double_value(&[0]) + 40.0);
/// # Ok::<(), illia_core::Error>(())
/// ```
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
    pub fn learned<'a>(p: impl Borrow<Path<'a>>, dof: f64, scale: f64) -> Result<Self> {
        Ok(StudentT { dof: checked(dof)?, scale: Scale::learned(p.borrow(), "noise", scale)? })
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

    fn named_variables(&self) -> Vec<(String, Tensor)> {
        self.scale.named_variables()
    }

    fn mean(&self, output: &Tensor) -> Tensor {
        output.shallow_clone()
    }

    fn variance(&self, output: &Tensor) -> Tensor {
        (self.scale.like(output).square() * (self.dof / (self.dof - 2.0))).expand_as(output)
    }

    fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor> {
        let z = (y - output) / self.scale.like(output);
        Some(standard_cdf(&z.to_kind(Kind::Double), self.dof).to_kind(output.kind()))
    }
}

/// P(T <= z) of `dof` degrees of freedom, in double precision; of small probabilities too.
///
/// With z = sqrt(dof) tan(a), the density in a is proportional to cos(a)^(dof - 1): a smooth function on a finite interval. Up to
/// a = pi/4 it is integrated from the middle, beyond that from the end b = pi/2 - a = 0, where it is sin(b)^(dof - 1): a power that
/// need not be whole, so the integral goes over s with b proportional to s^3, in which it is smooth.
fn standard_cdf(z: &Tensor, dof: f64) -> Tensor {
    let (magnitude, root) = (z.abs(), dof.sqrt());
    let is_tail = magnitude.gt(root);
    let (angle, end) = ((&magnitude / root).atan(), (magnitude.reciprocal() * root).atan());
    let reach = end.where_self(&is_tail, &angle);
    let phase = is_tail.logical_not().to_kind(Kind::Double) * FRAC_PI_2;
    let mut sum = z.zeros_like();
    for (s, weight) in gauss_legendre() {
        let density = (&reach * s.powi(3) + &phase).sin().clamp_min(0.0).pow_tensor_scalar(dof - 1.0);
        sum += density * (3.0 * s * s * weight);
    }
    let part = sum * reach * (student_t::log_normaliser(dof).exp() * root);
    let beyond = part.where_self(&is_tail, &(0.5 - &part)).clamp(0.0, 0.5);
    beyond.where_self(&z.lt(0.0), &(1.0 - &beyond))
}

/// The points and weights of Gauss and Legendre's rule from 0 to 1, by Newton's method on the Legendre polynomial.
fn gauss_legendre() -> impl Iterator<Item = (f64, f64)> {
    let n = POINTS as f64;
    (0..POINTS).map(move |i| {
        let mut x = (PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..NEWTON {
            let (mut before, mut value) = (1.0, x);
            for k in 2..=POINTS {
                let k = k as f64;
                (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
            }
            slope = n * (x * value - before) / (x * x - 1.0);
            x -= value / slope;
        }
        (0.5 * (x + 1.0), 1.0 / ((1.0 - x * x) * slope * slope))
    })
}

/// Points of the rule: enough for seven digits of a probability of 1e-8, at up to 1000 degrees of freedom.
const POINTS: usize = 32;
/// Each step doubles the digits, of which the start has three.
const NEWTON: usize = 4;
