//! Bayesian neural networks on libtorch, checked at compile time.

#![deny(missing_docs)]

pub use illia_core::*;
pub use tch;

/// What a program needs: the macros, the traits, the layers' and distributions' names, and tch's.
pub mod prelude {
    pub use illia_core::likelihood::Likelihood;
    pub use illia_core::{BayesianModule, Error, Estimator, KlCost, Posterior, Prior};
    pub use tch::nn::{Module, ModuleT, OptimizerConfig};
    pub use tch::{Device, IndexOp, Kind, Tensor, nn};
}
