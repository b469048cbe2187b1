//! Priors: what is believed of a weight before any data.

use std::fmt;

use tch::Tensor;

use crate::dist::{Density, gaussian, laplace, student_t};
use crate::error::{Error, Result};

/// The prior of a random parameter, the same and independent for each of its elements.
///
/// ```
/// use illia_core::Prior;
///
/// let blundell = Prior::ScaleMixture { pi: 0.5, std1: 1.0, std2: 0.0025 };
/// assert!(blundell.validate().is_ok());
/// assert_eq!(Prior::python(), Prior::Gaussian { mean: 0.0, std: 0.1 });
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
    /// N(0, s²) with s = `scale` / sqrt(fan in) for weights and `scale` for biases, so that what a layer gives is of the size of
    /// what it takes, however wide it is (Neal 1996, section 2.1). A parameter knows its fan in when it is made, and has a
    /// [`Gaussian`](Prior::Gaussian) of that scale from then on.
    FanIn {
        /// What is divided by the root; 2 by default.
        scale: f64,
    },
    /// [`FanIn`](Prior::FanIn) whose scale is 2 until a [`Fit`](crate::Fit) of a net with [`Posterior::Automatic`](crate::Posterior)
    /// finds the one scale for all its layers under which the data are most probable (MacKay 1992, equation 4.9). A net of one layer,
    /// whose weights mean something by themselves, keeps the 2, and so does one that is trained in another way.
    Automatic,
    /// A Gaussian with a mean and a spread of each element: the posterior that the parameter had when
    /// [`posterior_as_prior`](crate::posterior_as_prior) was called, which alone gives a net this prior. Its KL from a Gaussian posterior
    /// is exact.
    Earlier,
    /// A density of one's own: [`Prior::from`] makes it.
    Custom(Custom),
}

/// A user's [`Density`] as a prior. Two are equal when they print alike; a file keeps what it prints.
#[derive(Clone, Copy)]
pub struct Custom(&'static dyn Density);

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl serde::Serialize for Custom {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{self:?}"))
    }
}

impl<'de> serde::Deserialize<'de> for Custom {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Custom(Box::leak(Box::new(Recorded(String::deserialize(deserializer)?)))))
    }
}

/// What a file says of a density that only its own type can compute.
struct Recorded(String);

impl fmt::Debug for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Density for Recorded {
    fn validate(&self) -> Result<()> {
        Err(Error::configuration("prior", &self.0, "only in a net that was made with this prior"))
    }

    fn log_density(&self, w: &Tensor) -> Tensor {
        w.full_like(f64::NAN)
    }
}

impl<D: Density + 'static> From<D> for Prior {
    /// The density is kept for as long as the program runs, so that a prior is a plain value.
    fn from(density: D) -> Self {
        Prior::Custom(Custom(Box::leak(Box::new(density))))
    }
}

impl Default for Prior {
    /// [`Prior::Automatic`]: at first N(0, 4 / fan in) for weights, N(0, 4) for biases.
    fn default() -> Self {
        Prior::Automatic
    }
}

/// The scale that [`Prior::Automatic`] starts from.
const START: f64 = 2.0;

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
            Prior::Custom(own) => own.0.validate(),
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
            Prior::FanIn { scale } => positive("scale", scale),
            Prior::Automatic => Ok(()),
            Prior::Earlier => Err(Error::configuration(
                "prior",
                "Earlier",
                "what `posterior_as_prior` makes of a trained net",
            )),
        }
    }

    /// Whether its scale is a variable.
    pub(crate) fn is_learned(&self) -> bool {
        matches!(self, Prior::LearnedGaussian { .. })
    }

    /// The prior of a parameter of this shape, whose units have so many inputs.
    pub(crate) fn scaled(self, shape: &[i64], fan_in: i64) -> Prior {
        let scale = match self {
            Prior::FanIn { scale } => scale,
            Prior::Automatic => START,
            other => return other,
        };
        let inputs = if shape.len() < 2 { 1 } else { fan_in.max(1) };
        Prior::Gaussian { mean: 0.0, std: scale / (inputs as f64).sqrt() }
    }

    /// The Python library's prior, N(0, 0.1²).
    pub fn python() -> Self {
        Prior::Gaussian { mean: 0.0, std: 0.1 }
    }

    /// log p(w) in nats, element by element: the shape of `w`.
    ///
    /// A [`Prior::LearnedGaussian`] takes its learned scale in `std`; the others ignore it.
    pub(crate) fn log_density(&self, w: &Tensor, std: Option<&Tensor>) -> Tensor {
        let normal = |centred: &Tensor, std: f64| gaussian::log_density(centred, &Tensor::from(std));
        match *self {
            Prior::Gaussian { mean, std } => normal(&(w - mean), std),
            Prior::FanIn { scale } => normal(w, scale),
            Prior::Automatic => normal(w, START),
            // Its numbers are the parameter's.
            Prior::Earlier => w.full_like(f64::NAN),
            // log(pi N1 + (1 - pi) N2) in log space: far from 0 both densities underflow.
            Prior::ScaleMixture { pi, std1, std2 } => {
                (normal(w, std1) + pi.ln()).logaddexp(&(normal(w, std2) + (-pi).ln_1p()))
            }
            Prior::Laplace { scale } => laplace::log_density(w, scale),
            Prior::StudentT { dof, scale } => student_t::log_standard_density(&(w / scale), dof) - scale.ln(),
            Prior::LearnedGaussian { std: initial } => match std {
                Some(std) => gaussian::log_density(w, std),
                None => normal(w, initial),
            },
            Prior::Custom(own) => own.0.log_density(w),
        }
    }

    /// KL(N(mu, sigma²) ‖ prior) in nats, element by element, where it has a closed form.
    pub(crate) fn kl_from_gaussian(
        &self,
        mu: &Tensor,
        sigma: &Tensor,
        std: Option<&Tensor>,
    ) -> Option<Tensor> {
        match *self {
            Prior::Gaussian { mean, std } => Some(gaussian::kl(&(mu - mean), sigma, &Tensor::from(std))),
            Prior::LearnedGaussian { std: initial } => {
                let initial = Tensor::from(initial);
                Some(gaussian::kl(mu, sigma, std.unwrap_or(&initial)))
            }
            Prior::FanIn { scale } => Some(gaussian::kl(mu, sigma, &Tensor::from(scale))),
            Prior::Automatic => Some(gaussian::kl(mu, sigma, &Tensor::from(START))),
            Prior::Laplace { scale } => Some(laplace::kl_from_gaussian(mu, sigma, scale)),
            Prior::ScaleMixture { .. } | Prior::StudentT { .. } | Prior::Earlier => None,
            Prior::Custom(own) => own.0.kl_from_gaussian(mu, sigma),
        }
    }
}
