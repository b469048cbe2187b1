//! Priors: what is believed of a weight before any data.

use std::f64::consts::PI;

use tch::Tensor;

use crate::error::{Error, Result};

/// The prior of a random parameter, the same and independent for each of its elements.
///
/// ```
/// use illia_core::Prior;
///
/// let blundell = Prior::ScaleMixture { pi: 0.5, std1: 1.0, std2: 0.0025 };
/// assert!(blundell.validate().is_ok());
/// assert_eq!(Prior::default(), Prior::Gaussian { mean: 0.0, std: 0.1 });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum Prior {
    /// N(mean, std²). Its KL from a Gaussian posterior is exact.
    Gaussian {
        /// The mean; 0 by default.
        mean: f64,
        /// The standard deviation; 0.1 by default, as in the Python library.
        std: f64,
    },
    /// pi N(0, std1²) + (1 - pi) N(0, std2²): Blundell et al. (2015), equation 7.
    ScaleMixture {
        /// The weight of the first component, within (0, 1).
        pi: f64,
        /// The standard deviation of the first component (the wide one, by custom).
        std1: f64,
        /// The standard deviation of the second component.
        std2: f64,
    },
    /// exp(-|w| / scale) / (2 scale). Its KL from a Gaussian posterior is exact.
    Laplace {
        /// The scale, above 0.
        scale: f64,
    },
    /// Student's t, scaled: heavy tails that let single weights grow.
    StudentT {
        /// The degrees of freedom, above 0.
        dof: f64,
        /// The scale, above 0.
        scale: f64,
    },
    /// N(0, s²) with s learned by maximising the ELBO together with the posterior (empirical
    /// Bayes). Its KL from a Gaussian posterior is exact.
    LearnedGaussian {
        /// The value of s before training.
        std: f64,
    },
}

impl Default for Prior {
    /// N(0, 0.1²), the Python library's.
    fn default() -> Self {
        Prior::Gaussian { mean: 0.0, std: 0.1 }
    }
}

/// The smallest scale of a prior.
const SMALLEST: f64 = 1e-8;

impl Prior {
    /// Checks that every number lies where the density is one.
    ///
    /// # Errors
    /// [`Error::Configuration`] names the first number that does not.
    pub fn validate(&self) -> Result<()> {
        let positive = |name: &str, value: f64| {
            match value > 0.0 && value.is_finite() {
                // The KL's gradient over it, and the square of that, must be numbers in f32.
                true if value >= SMALLEST => Ok(()),
                true => Err(Error::configuration(name, value, &format!("at least {SMALLEST:e}"))),
                false => Err(Error::configuration(name, value, "a finite number above 0")),
            }
        };
        match *self {
            Prior::Gaussian { mean, std } => {
                if !mean.is_finite() {
                    return Err(Error::configuration("mean", mean, "a finite number"));
                }
                positive("std", std)
            }
            Prior::ScaleMixture { pi, std1, std2 } => {
                if !(pi > 0.0 && pi < 1.0) {
                    return Err(Error::configuration("pi", pi, "between 0 and 1"));
                }
                positive("std1", std1)?;
                positive("std2", std2)
            }
            Prior::Laplace { scale } => positive("scale", scale),
            Prior::StudentT { dof, scale } => {
                positive("dof", dof)?;
                positive("scale", scale)
            }
            Prior::LearnedGaussian { std } => positive("std", std),
        }
    }

    /// log p(w) in nats, element by element: the shape of `w`.
    ///
    /// A [`Prior::LearnedGaussian`] takes its learned scale in `std`; the others ignore it.
    pub(crate) fn log_density(&self, w: &Tensor, std: Option<&Tensor>) -> Tensor {
        match *self {
            Prior::Gaussian { mean, std } => log_normal(&(w - mean), std),
            // log(pi N1 + (1 - pi) N2) in log space: far from 0 both densities underflow.
            Prior::ScaleMixture { pi, std1, std2 } => {
                let wide = log_normal(w, std1) + pi.ln();
                let narrow = log_normal(w, std2) + (-pi).ln_1p();
                wide.logaddexp(&narrow)
            }
            Prior::Laplace { scale } => w.abs() * (-1.0 / scale) - (2.0 * scale).ln(),
            Prior::StudentT { dof, scale } => {
                let constant =
                    ln_gamma(0.5 * (dof + 1.0)) - ln_gamma(0.5 * dof) - 0.5 * (dof * PI).ln() - scale.ln();
                (w / scale).square().g_div_scalar(dof).log1p() * (-0.5 * (dof + 1.0)) + constant
            }
            Prior::LearnedGaussian { std: initial } => match std {
                Some(std) => (w / std).square() * -0.5 - std.log() - 0.5 * (2.0 * PI).ln(),
                None => log_normal(w, initial),
            },
        }
    }

    /// KL(N(mu, sigma²) ‖ prior) in nats, element by element, where it has a closed form.
    pub(crate) fn kl_from_gaussian(
        &self,
        mu: &Tensor,
        sigma: &Tensor,
        std: Option<&Tensor>,
    ) -> Option<Tensor> {
        let gaussian = |centred: &Tensor, std: f64| {
            (centred.square() + sigma.square()) * (0.5 / (std * std)) - sigma.log() + std.ln() - 0.5
        };
        match *self {
            Prior::Gaussian { mean, std } => Some(gaussian(&(mu - mean), std)),
            Prior::LearnedGaussian { std: initial } => Some(match std {
                Some(std) => {
                    (mu.square() + sigma.square()) / (std.square() * 2.0) - sigma.log() + std.log() - 0.5
                }
                None => gaussian(mu, initial),
            }),
            // E|w| is the folded normal's mean; the Gaussian's entropy is log sigma + log(2 pi e) / 2.
            Prior::Laplace { scale } => {
                let ratio = mu / sigma;
                let folded = sigma * (2.0 / PI).sqrt() * (ratio.square() * -0.5).exp()
                    + mu * (ratio / 2f64.sqrt()).erf();
                let entropy = sigma.log() + 0.5 * (1.0 + (2.0 * PI).ln());
                Some(folded / scale + (2.0 * scale).ln() - entropy)
            }
            Prior::ScaleMixture { .. } | Prior::StudentT { .. } => None,
        }
    }
}

/// log N(w; 0, std²), element by element.
fn log_normal(w: &Tensor, std: f64) -> Tensor {
    w.square() * (-0.5 / (std * std)) - (std.ln() + 0.5 * (2.0 * PI).ln())
}

/// log Γ(x) for x > 0; libtorch's `lgamma` works on tensors only.
fn ln_gamma(x: f64) -> f64 {
    Tensor::from(x).lgamma().double_value(&[])
}
