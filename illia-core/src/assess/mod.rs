//! What a prediction is worth: metrics, calibration and the report.

mod check;
pub mod conformal;
#[cfg(feature = "plot")]
mod figures;
mod held_out;
pub mod metrics;
#[cfg(feature = "report")]
pub mod report;
mod temperature;

pub use check::{Calibration, Coverage, Difference, Pit, Shift};
pub use held_out::HeldOut;
pub use temperature::Temperature;
