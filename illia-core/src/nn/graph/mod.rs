//! The layers' rules for graphs: what each writes down in place of its forward, in evaluation mode.

mod attention;
mod linear;
mod norms;
mod recurrent;
mod tokens;

use crate::error::Result;
use crate::graph::{Value, refused};

pub use norms::{batch_norm, group_norm, layer_norm};

/// A module of one input and one output.
pub(crate) fn one_to_one(inputs: &[&Value], f: impl FnOnce(&Value) -> Result<Value>) -> Result<Vec<Value>> {
    match inputs {
        [x] => Ok(vec![f(x)?]),
        _ => Err(refused("Module", &format!("takes one input, got {}", inputs.len()))),
    }
}
