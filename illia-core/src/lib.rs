//! The runtime of illia: distributions, layers, noise, objectives, fitting, prediction, metrics.
//!
//! Depend on the facade `illia` rather than on this crate.

#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

#[doc(hidden)]
#[path = "support/mod.rs"]
pub mod __private;
pub mod checkpoint;
mod collections;
pub mod data;
mod error;
mod estimator;
mod fit;
mod kernels;
pub mod likelihood;
pub mod metrics;
mod module;
mod moped;
mod net;
pub mod nn;
pub mod noise;
mod objective;
mod optimiser;
mod parameter;
mod posterior;
mod predict;
mod prior;
mod prune;
pub mod report;
mod schedule;
mod stacked;
mod summary;
mod temperature;
mod trainer;

pub use error::{Error, Result, Unusable, fail};
pub use estimator::Estimator;
pub use fit::{EpochRecord, Fit, History, LearningRate};
pub use illia_shape::{Axis, Shape};
pub use module::{BayesianModule, KlCost, Visitor, VisitorMut};
pub use moped::{moped, moped_from};
pub use net::Net;
pub use noise::manual_seed;
pub use objective::{Elbo, ElboTerms};
pub use optimiser::Adam;
pub use parameter::{Draw, RandomParameter, inverse_softplus};
pub use posterior::Posterior;
pub use predict::{Predict, Prediction};
pub use prior::Prior;
pub use prune::{Pruning, prune, restore_pruning};
pub use schedule::KlSchedule;
pub use temperature::Temperature;
pub use trainer::{Terms, Trainer};
