//! What a prediction is worth: metrics, calibration and the report.

pub mod metrics;
#[cfg(feature = "report")]
pub mod report;
mod temperature;

pub use temperature::Temperature;
