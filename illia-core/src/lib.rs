//! The runtime of illia: distributions, layers, noise, objectives, fitting, prediction, metrics.
//!
//! Depend on the facade `illia` rather than on this crate.

#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod assess;
pub mod checkpoint;
pub mod data;
mod dist;
mod error;
pub mod export;
mod files;
#[cfg_attr(not(feature = "onnx"), allow(dead_code))]
pub mod graph;
pub mod infer;
pub mod likelihood;
#[doc(hidden)]
pub mod macro_support;
pub mod module;
pub mod nn;
pub mod noise;
pub mod parameter;
pub mod pass;
#[cfg(feature = "plot")]
pub mod plot;
pub mod predict;
pub mod processes;
mod progress;
mod simd;
pub mod train;

#[doc(hidden)]
pub use macro_support as __private;

#[cfg(feature = "report")]
pub use assess::report;
pub use assess::{Calibration, Coverage, Difference, HeldOut, Pit, Shift, Temperature, conformal, metrics};
pub use dist::Density;
pub use error::{Error, Result, Unusable, fail};
pub use illia_shape::{Axis, Shape};
pub use module::{
    Arguments, BayesianModule, Configured, Defaults, KlCost, Net, NoArguments, Visitor, VisitorMut,
};
pub use module::{Pruning, fix, moped, moped_from, posterior_as_prior, posterior_from_prior, prune};
pub use module::{restore_pruning, unfix};
pub use noise::manual_seed;
pub use parameter::inverse_softplus;
pub use parameter::{
    Counts, Draw, Estimator, Family, ParameterId, Posterior, Prior, PriorOf, RandomParameter, Start,
    Variables,
};
pub use pass::Draws;
pub use predict::{Predict, Prediction};
pub use train::{Adam, AdamW, Ivon, Memory, Moments, Optimiser, PosteriorStep, Sgd};
pub use train::{Best, Clip, Convergence, Elbo, ElboTerms, EpochRecord, Fit, History, Terms, Trainer};
pub use train::{KlSchedule, RateSchedule, Schedule};
