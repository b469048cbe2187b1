//! A pass at the posterior's mean in which layers that are linear in their weights note what goes in and what comes out.
//!
//! Such a layer is s = a Wᵀ + b for each of its places: with `a` and the gradient of an output by `s` one has that output's
//! gradient by W for every example, without a graph through the weights.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::linear_map::LinearMap;
use super::stack::{self, Mode};
use crate::error::{Error, Result, Within};
use crate::parameter::{ParameterId, RandomParameter};

/// How a parameter stands in matrices, one for each group: `[groups, outputs, inputs]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matrix {
    pub groups: i64,
    /// Rows of a group's matrix: output features.
    pub outputs: i64,
    /// Its columns: input features times the kernel's points; 1 for a bias.
    pub inputs: i64,
    /// Whether the parameter's own first axis is that of the inputs, as in a transposed convolution.
    pub transposed: bool,
}

impl Matrix {
    /// How many elements there are.
    pub fn len(&self) -> i64 {
        self.groups * self.outputs * self.inputs
    }

    /// `[n, groups, outputs, inputs]` as `[n, ..]` of the parameter's own `shape`.
    pub fn to_parameter(self, matrices: &Tensor, shape: &[i64]) -> Tensor {
        let draws = matrices.size().first().copied().unwrap_or(1);
        let own: Vec<i64> = [draws].iter().chain(shape).copied().collect();
        if !self.transposed {
            return matrices.reshape(own);
        }
        let inputs = shape.first().copied().unwrap_or(1) / self.groups.max(1);
        let split = matrices.reshape([draws, self.groups, self.outputs, inputs, -1]);
        split.permute([0, 1, 3, 2, 4]).reshape(own)
    }
}

/// What one use of a layer noted.
#[derive(Debug)]
pub(crate) struct Record {
    weight: ParameterId,
    bias: Option<ParameterId>,
    /// What each place sees, `[batch, groups, places, inputs]`.
    patches: Tensor,
    /// The layer's output in the graph.
    pub output: Tensor,
    /// What the code behind the layer got: the same numbers.
    given: Tensor,
    /// Where the features are in it, counted from the last axis.
    feature_axis: usize,
    transposed: bool,
}

impl Record {
    /// Whether the parameter is this layer's weight or bias.
    pub fn is_of(&self, id: ParameterId) -> bool {
        self.weight == id || self.bias == Some(id)
    }

    /// What the parameter is multiplied with: `[batch, groups, places, inputs]`; ones for a bias.
    pub fn inputs_of(&self, id: ParameterId) -> Tensor {
        match self.patches.size().as_slice() {
            [batch, _, places, _] if self.weight != id => {
                Tensor::ones([*batch, 1, *places, 1], (self.patches.kind(), self.patches.device()))
            }
            _ => self.patches.shallow_clone(),
        }
    }

    /// How many numbers the layer's inputs are, as they are kept.
    pub fn numbers(&self) -> i64 {
        self.patches.numel() as i64
    }

    /// A tensor of the output's shape, its gradient, say, as it belongs to those inputs: `[batch, groups, places, outputs]`.
    pub fn outputs_of(&self, id: ParameterId, of_output: &Tensor) -> Tensor {
        let groups = if self.weight == id { self.groups() } else { 1 };
        let batch = of_output.size().first().copied().unwrap_or(1);
        let last = of_output.movedim_int(-(self.feature_axis as i64), -1);
        let features = last.size().last().copied().unwrap_or(1);
        last.reshape([batch, -1, groups, features / groups.max(1)]).permute([0, 2, 1, 3])
    }

    /// How the parameter stands in matrices.
    pub fn matrix_of(&self, id: ParameterId) -> Matrix {
        let features = self.output.size().iter().rev().nth(self.feature_axis.saturating_sub(1)).copied();
        let (outputs, inputs) = (features.unwrap_or(1), self.patches.size().last().copied().unwrap_or(1));
        match self.weight == id {
            true => {
                let groups = self.groups();
                Matrix { groups, outputs: outputs / groups.max(1), inputs, transposed: self.transposed }
            }
            false => Matrix { groups: 1, outputs, inputs: 1, transposed: false },
        }
    }

    /// Whether `output`, `[batch, outputs]`, is what this layer gave, one product for each example, so that its gradient by it is
    /// the identity.
    pub fn is_last(&self, output: &Tensor) -> bool {
        // The numbers too: an operation in place may have come between.
        matches!(self.patches.size().as_slice(), [_, 1, 1, _])
            && output.size() == self.given.size()
            && output.data_ptr() == self.given.data_ptr()
            && output.f_equal(&self.output).unwrap_or(false)
    }

    fn groups(&self) -> i64 {
        self.patches.size().get(1).copied().unwrap_or(1)
    }
}

/// What the parameter is multiplied with, over all its uses: `[batch, groups, places, inputs]`.
pub(crate) fn inputs_of(records: &[Record], id: ParameterId) -> Tensor {
    joined(records.iter().filter(|record| record.is_of(id)).map(|record| record.inputs_of(id)))
}

/// Tensors of the outputs' shapes, one for each record, as they belong to those inputs: `[batch, groups, places, outputs]`.
pub(crate) fn outputs_of(records: &[Record], id: ParameterId, of_outputs: &[Tensor]) -> Tensor {
    let uses = records.iter().zip(of_outputs).filter(|(record, _)| record.is_of(id));
    joined(uses.map(|(record, of_output)| record.outputs_of(id, of_output)))
}

/// Behind each other along the places.
fn joined(uses: impl Iterator<Item = Tensor>) -> Tensor {
    let uses: Vec<Tensor> = uses.collect();
    match uses.as_slice() {
        [only] => only.shallow_clone(),
        several => Tensor::cat(several, 2),
    }
}

/// The sum over the examples of the squares of their gradients `outputsᵀ inputs`, `[groups, outputs, inputs]`.
pub(crate) fn squares(outputs: &Tensor, inputs: &Tensor) -> Result<Tensor> {
    if inputs.size().get(2) == Some(&1) {
        // One place: the square of a product is the product of squares.
        let [outputs, inputs] = [outputs, inputs].map(|t| t.squeeze_dim(2).square().transpose(0, 1));
        return outputs.transpose(1, 2).f_matmul(&inputs).within("Laplace");
    }
    let each = outputs.transpose(2, 3).f_matmul(inputs).within("Laplace")?;
    Ok(each.square().sum_dim_intlist(0i64, false, each.kind()))
}

/// The sum over the examples and outputs of the outer products of their gradients `outputsᵀ inputs`, `[inputs, inputs]` of a layer of one
/// group, in double.
pub(crate) fn second_moments(outputs: &Tensor, inputs: &Tensor) -> Result<Tensor> {
    let [outputs, inputs] = [outputs, inputs].map(|t| t.squeeze_dim(1).to_kind(Kind::Double));
    let rows = if inputs.size().get(1) == Some(&1) {
        // One place: an output's gradient is a multiple of the input.
        let lengths = outputs.square().sum_dim_intlist(2i64, true, Kind::Double).sqrt();
        (inputs * lengths).squeeze_dim(1)
    } else {
        outputs.transpose(1, 2).f_matmul(&inputs).within("curvature")?.flatten(0, 1)
    };
    rows.tr().f_matmul(&rows).within("curvature")
}

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

/// `[rows, n]` with a 1 in column `index[row]` of each row, `index` `[..]` from 0 to `n - 1`, as patches: `[batch, 1, places, n]`.
pub(crate) fn one_hot(index: &Tensor, n: i64, like: &Tensor) -> Result<Tensor, tch::TchError> {
    let batch = index.size().first().copied().unwrap_or(1);
    let index = index.f_reshape([batch, 1, -1, 1])?;
    let size = [batch, 1, index.size().get(2).copied().unwrap_or(1), n];
    let hot = Tensor::f_zeros(size, (like.kind(), like.device()))?;
    hot.f_scatter_value(-1, &index, 1.0)
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

/// What each place of a convolution's output sees of `x` `[batch, channels, ..]`: `[batch, groups, places, inputs]`, the inputs
/// in the order channel, then kernel. `pad` is what to add before and after each spatial axis, or to cut off where below 0.
pub(crate) fn unfold<const D: usize>(
    x: &Tensor,
    kernel: [i64; D],
    stride: [i64; D],
    dilation: [i64; D],
    pad: [(i64, i64); D],
    groups: i64,
    flipped: bool,
) -> Result<Tensor, tch::TchError> {
    let x = if x.dim() == D + 1 { x.f_unsqueeze(0)? } else { x.shallow_clone() };
    let [batch, channels] = [0, 1].map(|axis| x.size().get(axis).copied().unwrap_or(1));
    // libtorch counts from the last axis.
    let pad: Vec<i64> = pad.iter().rev().flat_map(|&(before, after)| [before, after]).collect();
    let mut x = x.f_constant_pad_nd(pad)?;
    for (axis, ((kernel, stride), dilation)) in kernel.into_iter().zip(stride).zip(dilation).enumerate() {
        let extent = dilation * (kernel - 1) + 1;
        x = x.f_unfold(2 + axis as i64, extent, stride)?.f_slice(-1, None, None, dilation)?;
    }
    if flipped {
        x = x.f_flip((2 + D as i64..2 + 2 * D as i64).collect::<Vec<_>>())?;
    }
    let points: i64 = kernel.iter().product();
    let inputs = channels / groups.max(1);
    let split = x.f_reshape([batch, groups, inputs, -1, points])?;
    split.f_permute([0, 1, 3, 2, 4])?.f_reshape([batch, groups, -1, inputs * points])
}

/// `x` `[batch, channels, ..]` with `stride - 1` zeros between neighbours of each spatial axis.
pub(crate) fn spread<const D: usize>(x: &Tensor, stride: [i64; D]) -> Result<Tensor, tch::TchError> {
    let x = if x.dim() == D + 1 { x.f_unsqueeze(0)? } else { x.shallow_clone() };
    let size = x.size();
    let spread = |(axis, &n): (usize, &i64)| match axis.checked_sub(2).and_then(|axis| stride.get(axis)) {
        Some(stride) => (n - 1) * stride + 1,
        None => n,
    };
    let wide: Vec<i64> = size.iter().enumerate().map(spread).collect();
    let wide = Tensor::f_zeros(wide, (x.kind(), x.device()))?;
    let mut places = wide.shallow_clone();
    for (axis, stride) in stride.into_iter().enumerate() {
        places = places.f_slice(2 + axis as i64, None, None, stride)?;
    }
    places.copy_(&x);
    Ok(wide)
}
