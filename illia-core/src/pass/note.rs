//! A pass at the posterior's mean, in which layers that are linear in their weights note what goes in and what comes out.

use tch::Tensor;

use super::linear_map::LinearMap;
use super::record::Record;
use super::stack::{self, Mode};
use crate::error::{Error, Result, Within};
use crate::parameter::RandomParameter;

/// A use of parameters that are known to this pass: how what a layer computes with them is written as s = a Wᵀ + b.
pub(crate) struct Use<'a> {
    /// The layer's kind, for messages.
    pub kind: &'static str,
    pub weight: &'a RandomParameter,
    pub bias: Option<&'a RandomParameter>,
    /// Where the features are in s, counted from the last axis.
    pub feature_axis: usize,
    /// Whether the weight's first axis is that of the inputs.
    pub transposed: bool,
}

impl Use<'_> {
    /// Notes that the layer gave `output`, where the pass watches one of the parameters; gives what is to be passed on.
    /// `patches` are a, `[batch, groups, places, inputs]`.
    pub fn note(
        self,
        output: Tensor,
        patches: impl FnOnce() -> Result<Tensor, tch::TchError>,
    ) -> Result<Tensor> {
        let Use { kind, weight, bias, feature_axis, transposed } = self;
        if !stack::watches(weight) && !bias.is_some_and(stack::watches) {
            return Ok(output);
        }
        let output = if output.requires_grad() { output } else { output.detach().set_requires_grad(true) };
        let patches = tch::no_grad(patches).within(kind)?;
        if patches.size().first() != output.size().first() {
            let expected = "[batch, ..] of outputs: the examples' axis first".to_owned();
            return Err(Error::Shape { layer: kind.to_owned(), expected, given: output.size() });
        }
        // A copy, since the code behind the layer may work in place, and what was noted has to stay.
        let given = output.copy();
        let (id, bias) = (weight.id(), bias.map(RandomParameter::id));
        let noted = given.shallow_clone();
        stack::note(
            weight,
            Record { weight: id, bias, patches, output, given: noted, feature_axis, transposed },
        );
        Ok(given)
    }
}

/// The output of `layer` at its parameters' means, noted where the pass watches one of them.
pub(super) fn forward<L: LinearMap>(
    layer: &L,
    x: &Tensor,
    weight: &RandomParameter,
    bias: Option<&RandomParameter>,
) -> Result<Tensor> {
    let b = bias.map(RandomParameter::centre);
    let output = layer.map(x, &weight.centre(), b.as_ref()).within(L::KIND)?;
    let (feature_axis, transposed) = (layer.feature_axis(), L::TRANSPOSED);
    Use { kind: L::KIND, weight, bias, feature_axis, transposed }.note(output, || layer.patches(&x.detach()))
}

impl RandomParameter {
    /// What stands for the parameter where it is to be one value: the held draw, or the posterior's mean. Without gradient.
    pub(crate) fn centre(&self) -> Tensor {
        tch::no_grad(|| match self.held_draw() {
            Some(held) => held.weights().detach(),
            None => self.mean_weights().detach(),
        })
    }

    /// Whether a pass that records is open over the parameter.
    pub(crate) fn is_recorded(&self) -> bool {
        matches!(stack::mode_of(self), Some(Mode::Record))
    }
}
