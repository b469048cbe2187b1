//! Bayesian neural networks on libtorch, checked at compile time.
//!
//! [`bnn!`] declares a net, [`#[bayesian]`](macro@bayesian) makes a module of a struct; [`language`] is their reference. [`Fit`] trains,
//! [`Predict`] asks, [`Calibration`] checks; [`infer`] has other ways to a posterior, [`checkpoint`] and [`export`] write files. A block
//! chooses a [`Prior`], a [`Posterior`] and an [`Estimator`]; a [`Density`], [`Family`], [`Likelihood`](likelihood::Likelihood),
//! [`Optimiser`], [`Schedule`] or [`Dataset`](data::Dataset) of your own stands in their places.

#![deny(missing_docs)]

extern crate self as illia;

pub use illia_core::*;
pub use illia_macros::{bayesian, bnn};
pub use tch;

#[doc(hidden)]
pub use illia_core::__private;

#[cfg(doctest)]
mod book;

pub mod language;

/// What a program needs: the macros, the traits, the layers' and distributions' names, and tch's.
pub mod prelude {
    pub use illia_core::likelihood::{self, Bernoulli, Categorical, Likelihood, Poisson};
    pub use illia_core::{BayesianModule, Elbo, Error, Estimator, Fit, KlCost, KlSchedule};
    pub use illia_core::{Posterior, Predict, Prediction, Prior};
    pub use illia_macros::{bayesian, bnn};
    pub use tch::nn::{Module, ModuleT, OptimizerConfig};
    pub use tch::{Device, IndexOp, Kind, Tensor, nn};
}
