//! Numbers with Gaussian noise: of one scale, or of a scale that the net predicts.

use std::borrow::Borrow;

use tch::Tensor;
use tch::nn::Path;

use super::{Likelihood, Scale, matched, normal, normal_cdf, per_example};
use crate::dist::gaussian;
use crate::error::{Error, Result, floating};
use crate::noise::Key;

/// Numbers with Gaussian noise of one scale: the output holds the means `[batch, ..]`.
///
/// ```
/// use illia_core::likelihood::{Gaussian, Likelihood};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let learned = Gaussian::learned(vs.root(), 0.5)?; // the variable `noise_rho`, trained with the rest
/// let zeros = Tensor::zeros([4, 1], (Kind::Float, Device::Cpu));
/// assert_eq!(learned.log_likelihood(&zeros, &zeros)?.size(), [4]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Gaussian {
    noise: Scale,
}

impl Gaussian {
    /// Noise of standard deviation `std`.
    ///
    /// # Errors
    /// [`Error::Configuration`] unless `std` is above 0.
    pub fn fixed(std: f64) -> Result<Self> {
        Ok(Gaussian { noise: Scale::fixed("std", std)? })
    }

    /// Noise whose standard deviation is learned, from `std` on: softplus of the variable `noise_rho` in `p`. It is trained with the rest, but where
    /// nobody chose a posterior: there a [`Fit`](crate::Fit) finds it as the evidence has it (docs/defaults.md).
    ///
    /// # Errors
    /// [`Error::Configuration`] unless `std` is above 0.
    pub fn learned<'a>(p: impl Borrow<Path<'a>>, std: f64) -> Result<Self> {
        Ok(Gaussian { noise: Scale::learned(p.borrow(), "noise", std)? })
    }

    /// The noise's standard deviation.
    pub fn std(&self) -> f64 {
        match &self.noise {
            Scale::Fixed(std) => *std,
            Scale::Learned(_, rho) => rho.softplus().double_value(&[]),
        }
    }
}

impl Likelihood for Gaussian {
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        let target = matched("Gaussian", output, target)?;
        Ok(log_density(output, &self.noise.like(output), &target))
    }

    fn named_variables(&self) -> Vec<(String, Tensor)> {
        self.noise.named_variables()
    }

    fn mean(&self, output: &Tensor) -> Tensor {
        output.shallow_clone()
    }

    fn variance(&self, output: &Tensor) -> Tensor {
        self.noise.like(output).square().expand_as(output)
    }

    fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor> {
        Some(normal_cdf(&((y - output) / self.noise.like(output))))
    }

    fn sample(&self, output: &Tensor, key: Key) -> Result<Tensor> {
        floating("output", output)?;
        Ok(normal(output, &self.noise.like(output), key))
    }
}

/// Numbers with Gaussian noise that the net predicts: the output holds, along the last axis, first the means and then as
/// many rho, with noise of standard deviation softplus(rho) (Nix & Weigend 1994); `[batch, .., 2 n]` for targets
/// `[batch, .., n]`.
///
/// ```
/// use illia_core::likelihood::{HeteroscedasticGaussian, Likelihood};
/// use tch::{Device, Kind, Tensor};
///
/// // A net of two outputs: the mean, and what the scale is made of.
/// let output = Tensor::zeros([5, 2], (Kind::Float, Device::Cpu));
/// assert_eq!(HeteroscedasticGaussian.mean(&output).size(), [5, 1]);
/// assert_eq!(HeteroscedasticGaussian.variance(&output).size(), [5, 1]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct HeteroscedasticGaussian;

impl HeteroscedasticGaussian {
    fn check(output: &Tensor) -> Result<()> {
        if output.dim() == 0 || output.size().last().is_none_or(|n| n % 2 != 0 || *n == 0) {
            return Err(Error::Shape {
                layer: "HeteroscedasticGaussian".to_owned(),
                expected: "[batch, .., 2 n]: n means and n rho".to_owned(),
                given: output.size(),
            });
        }
        floating("output", output)
    }

    /// (mean, std).
    fn split(output: &Tensor) -> (Tensor, Tensor) {
        let half = output.size().last().map_or(0, |n| n / 2);
        let std = output.narrow(-1, half, half).softplus() + SMALLEST_STD;
        (output.narrow(-1, 0, half), std)
    }
}

/// A net that fits one target exactly would otherwise drive its noise, and the objective, to minus infinity.
const SMALLEST_STD: f64 = 1e-4;

impl Likelihood for HeteroscedasticGaussian {
    fn has_noise_of_its_own(&self) -> bool {
        true
    }

    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        Self::check(output)?;
        let (mean, std) = Self::split(output);
        let target = matched("HeteroscedasticGaussian", &mean, target)?;
        Ok(log_density(&mean, &std, &target))
    }

    fn mean(&self, output: &Tensor) -> Tensor {
        Self::split(output).0
    }

    fn variance(&self, output: &Tensor) -> Tensor {
        Self::split(output).1.square()
    }

    fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor> {
        let (mean, std) = Self::split(output);
        Some(normal_cdf(&((y - mean) / std)))
    }

    fn sample(&self, output: &Tensor, key: Key) -> Result<Tensor> {
        Self::check(output)?;
        let (mean, std) = Self::split(output);
        Ok(normal(&mean, &std, key))
    }
}

fn log_density(mean: &Tensor, std: &Tensor, target: &Tensor) -> Tensor {
    per_example(&gaussian::log_density(&(target - mean), std))
}
