//! The runtime of illia: distributions, layers, noise, objectives, fitting, prediction, metrics.
//!
//! Depend on the facade `illia` rather than on this crate.

#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod collections;
mod error;
mod estimator;
mod kernels;
mod module;
pub mod nn;
pub mod noise;
mod parameter;
mod posterior;
mod prior;

pub use error::{Error, Result, fail};
pub use estimator::Estimator;
pub use module::{BayesianModule, KlCost, Visitor, VisitorMut};
pub use noise::manual_seed;
pub use parameter::{Draw, RandomParameter, inverse_softplus};
pub use posterior::Posterior;
pub use prior::Prior;
