//! Bayesian neural networks on libtorch, checked at compile time.

#![deny(missing_docs)]

extern crate self as illia;

pub use illia_core::*;
pub use illia_macros::{bayesian, bnn};
pub use tch;

#[doc(hidden)]
pub use illia_core::__private;

#[cfg(doctest)]
mod book;

#[doc = include_str!("../docs/language.md")]
///
/// Named here: [`bnn!`](crate::bnn), [`#[bayesian]`](macro@crate::bayesian), [`Fit`](crate::Fit), [`Predict`](crate::Predict),
/// [`Prior`](crate::Prior), [`Posterior`](crate::Posterior), [`Estimator`](crate::Estimator), [`Density`](crate::Density),
/// [`Family`](crate::Family), [`Shape`](crate::Shape), [`Net`](crate::Net), [`BayesianModule`](crate::BayesianModule),
/// [`Configured`](crate::Configured), [`Names`](crate::checkpoint::Names), [`fix`](crate::fix), [`unfix`](crate::unfix).
pub mod language {}

/// What a program needs: the macros, the traits, the layers' and distributions' names, and tch's.
pub mod prelude {
    pub use illia_core::likelihood::{self, Bernoulli, Categorical, Likelihood, Poisson};
    pub use illia_core::{BayesianModule, Elbo, Error, Estimator, Fit, KlCost, KlSchedule};
    pub use illia_core::{Posterior, Predict, Prediction, Prior};
    pub use illia_macros::{bayesian, bnn};
    pub use tch::nn::{Module, ModuleT, OptimizerConfig};
    pub use tch::{Device, IndexOp, Kind, Tensor, nn};
}
