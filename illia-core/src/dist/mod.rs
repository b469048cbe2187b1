//! Densities and divergences, each formula once: logs in nats, element by element.

pub(crate) mod gaussian;
pub(crate) mod laplace;
pub(crate) mod student_t;

use std::fmt::Debug;

use tch::Tensor;

use crate::error::Result;

/// log sqrt(2 pi).
pub(crate) const LOG_SQRT_2PI: f64 = 0.918_938_533_204_672_7;

/// The density of one weight before any data: what a prior of one's own implements.
///
/// It is the same and independent for each element of a parameter. [`Prior::from`](crate::Prior) takes one, and so does
/// `prior: (my::Horseshoe { scale: 0.1 })` in a `bnn!` block.
///
/// ```
/// use illia_core::{Density, Prior};
/// use tch::Tensor;
///
/// /// Cauchy: 1 / (pi scale (1 + (w / scale)²)).
/// #[derive(Debug)]
/// struct Cauchy {
///     scale: f64,
/// }
///
/// impl Density for Cauchy {
///     fn log_density(&self, w: &Tensor) -> Tensor {
///         -(w / self.scale).square().log1p() - (std::f64::consts::PI * self.scale).ln()
///     }
/// }
///
/// let prior = Prior::from(Cauchy { scale: 0.3 });
/// # assert!(prior.validate().is_ok());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no prior",
    label = "neither a `Prior` nor a `Density`",
    note = "a prior is a family by name, `Gaussian(std: 0.1)`, an expression of type `Prior`, or a type of yours that implements `Density`"
)]
pub trait Density: Debug + Send + Sync {
    /// Checks that every number lies where the density is one.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration) names the first number that does not.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// log p(w) in nats, element by element, in the shape of `w`.
    fn log_density(&self, w: &Tensor) -> Tensor;

    /// KL(N(mu, sigma²) ‖ p) in nats, element by element, where it has a closed form; else the Monte Carlo estimate is used.
    fn kl_from_gaussian(&self, _mu: &Tensor, _sigma: &Tensor) -> Option<Tensor> {
        None
    }
}

/// log Γ(x) for x > 0; libtorch's `lgamma` works on tensors only.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    Tensor::from(x).lgamma().double_value(&[])
}
