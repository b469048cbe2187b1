//! What a module's forward is written down as: nodes of ONNX's operators over named values, which [`export`](crate::export)
//! puts into a file.
//!
//! A module is written by running through its steps once more, on [`Value`]s in place of tensors: each layer of
//! [`nn`](crate::nn) and each op of a chain has one rule, which adds its nodes. A value knows its axes as far as they are known
//! without an input. Where moments are exported it has a second name, its variance's, and a rule says what becomes of both;
//! one that says nothing refuses such a value, so that no variance is lost silently.

mod arithmetic;
mod axes;
mod moments;
pub mod ops;
mod pools;
mod recording;
mod weight;
mod weights;

pub use axes::Axes;
pub(crate) use pools::window;
pub(crate) use recording::Attribute;
pub use recording::Value;
#[cfg(feature = "onnx")]
pub(crate) use recording::{Constant, Graph, Node};
#[cfg(feature = "onnx")]
pub(crate) use weight::Weight;
pub(crate) use weights::linear_map;

use illia_shape::Shape;

use crate::error::Error;

/// What a net takes and gives: names, and shapes without the batch.
#[derive(Clone, Debug)]
pub struct Ports {
    /// The inputs in the order of the forward; an only one may have an empty name.
    pub inputs: Vec<(String, Shape)>,
    /// The outputs in order; an only one may have an empty name.
    pub outputs: Vec<(String, Shape)>,
}

/// A type's name without its modules.
pub(crate) fn short_name<M: ?Sized>() -> &'static str {
    let name = std::any::type_name::<M>();
    let plain = name.split('<').next().unwrap_or(name);
    plain.rsplit("::").next().unwrap_or(plain)
}

/// What can't be written, and why.
pub(crate) fn refused(layer: &str, problem: &str) -> Error {
    Error::Unfit { layer: layer.to_owned(), problem: problem.to_owned() }
}
