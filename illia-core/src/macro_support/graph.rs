//! What the code that writes a net as a graph calls: under the names of what its forward calls, on values in place of tensors.

pub use super::at;
pub use illia_shape::*;

pub use crate::export::{all, one};
pub use crate::graph::ops::*;
pub use crate::graph::{Axes, Ports, Value};

use super::plain::Plain;
use crate::error::Result;
use crate::graph::refused as refusal;
use crate::nn::Embedding;

/// The layer of that name, over what flows and what it is given besides.
pub fn layer<M>(name: &str, layer: &M, x: &Value, more: impl Given) -> Result<Value>
where
    M: crate::BayesianModule + ?Sized,
{
    let mut inputs = vec![x.clone()];
    more.add(&mut inputs);
    at(name, one(layer, &inputs.iter().collect::<Vec<_>>()))
}

/// A layer of any type: [`Known`] where it is a module, [`Unknown`], which stands one reference further off, where it is none. So a
/// type that is no module is one error, that of the traversal.
pub struct Of<'a, M>(pub &'a M);

/// A module writes itself.
pub trait Known {
    /// What it makes of a value.
    fn written(&self, x: &Value) -> Result<Value>;
}

impl<M: crate::BayesianModule> Known for Of<'_, M> {
    fn written(&self, x: &Value) -> Result<Value> {
        one(self.0, &[x])
    }
}

/// What is no module has no form.
pub trait Unknown {
    /// An error.
    fn written(&self, x: &Value) -> Result<Value>;
}

impl<M> Unknown for &Of<'_, M> {
    fn written(&self, _: &Value) -> Result<Value> {
        refused("a type that is no module")
    }
}

/// What a layer is given besides what flows: named values, some of them perhaps.
pub trait Given {
    /// Adds what there is.
    fn add(self, inputs: &mut Vec<Value>);
}

impl Given for &Value {
    fn add(self, inputs: &mut Vec<Value>) {
        inputs.push(self.clone());
    }
}

impl Given for Option<&Value> {
    fn add(self, inputs: &mut Vec<Value>) {
        inputs.extend(self.cloned());
    }
}

impl Given for () {
    fn add(self, _: &mut Vec<Value>) {}
}

impl<A: Given> Given for (A,) {
    fn add(self, inputs: &mut Vec<Value>) {
        self.0.add(inputs);
    }
}

impl<A: Given, B: Given> Given for (A, B) {
    fn add(self, inputs: &mut Vec<Value>) {
        self.0.add(inputs);
        self.1.add(inputs);
    }
}

/// A norm of tch's.
pub fn plain(layer: &impl Plain, x: &Value) -> Result<Value> {
    layer.write(x)
}

/// An embedding's table as the output layer.
pub fn tied(embedding: &Embedding, x: &Value) -> Result<Value> {
    embedding.written_tied(x)
}

/// An op that has no form in a graph.
pub fn refused<T>(op: &str) -> Result<T> {
    Err(refusal("Op", &format!("{op} has no form in a graph")))
}

/// The net's inputs, as many as its signature names.
pub fn inputs<const N: usize>(net: &str, given: &[&Value]) -> Result<[Value; N]> {
    let values: Vec<Value> = given.iter().map(|value| (*value).clone()).collect();
    values.try_into().map_err(|_| refusal(net, &format!("takes {N} inputs, got {}", given.len())))
}

/// A net's outputs, as many as its signature names.
pub fn outputs<const N: usize>(net: &str, given: Vec<Value>) -> Result<[Value; N]> {
    given
        .try_into()
        .map_err(|given: Vec<Value>| refusal(net, &format!("gives {} outputs, not {N}", given.len())))
}

/// Named values in the order of a net's inputs.
pub fn ordered<'a>(inputs: &[(&str, Shape)], values: &[(&str, &'a Value)]) -> Vec<&'a Value> {
    let of = |name: &str| values.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
    inputs.iter().filter_map(|(name, _)| of(name)).collect()
}

/// The inputs or outputs of a signature with their names.
pub fn named(names: &[&str], shapes: &[Shape]) -> Vec<(String, Shape)> {
    names.iter().map(|name| (*name).to_owned()).zip(shapes.iter().copied()).collect()
}
