//! Where a layer's weights come from while code runs forwards, and what it makes of them.

pub(crate) mod estimator;
pub(crate) mod sample;
pub(crate) mod stacked;

pub use estimator::Estimator;
