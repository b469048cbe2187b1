//! Optimisers, one a file.

pub(crate) mod adam;
pub(crate) mod adam_kernel;
#[cfg(test)]
mod kernel_tests;

pub use adam::Adam;
