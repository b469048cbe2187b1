//! What a prediction is worth: metrics, calibration and the report.

pub mod conformal;
mod held_out;
pub mod metrics;
#[cfg(feature = "report")]
pub mod report;
mod temperature;

pub use held_out::HeldOut;
pub use temperature::Temperature;
