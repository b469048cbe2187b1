//! What the code that the macros generate calls: no interface for people, and free to change.

mod axes;
mod build;
mod each;
mod gates;
pub mod graph;
mod kept;
mod nested;
mod ops;
mod plain;
mod resize;
mod sets;
mod summary;

pub use axes::Axes;
pub use build::*;
pub use each::Each;
pub use gates::*;
pub use kept::Kept;
pub use nested::*;
pub use ops::*;
pub use resize::*;
pub use sets::*;

pub use plain::{batch_norm, group_norm, layer_norm, plain};

pub use crate::module::{Row, Structure};
pub use illia_shape::*;
pub use summary::{row, summary};

use crate::error::Result;

/// Puts a layer's name into its error.
pub fn at<T>(name: &str, result: Result<T>) -> Result<T> {
    result.map_err(|error| error.at(name))
}
pub use crate::pass::of_all_draws;
