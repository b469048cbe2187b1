//! What a layer that is linear in its weights noted: what went in and what came out.
//!
//! Such a layer is s = a Wᵀ + b for each of its places: with `a` and the gradient of an output by `s` one has that output's
//! gradient by W for every example, without a graph through the weights.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::{Result, Within};
use crate::parameter::ParameterId;

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
    pub(super) weight: ParameterId,
    pub(super) bias: Option<ParameterId>,
    /// What each place sees, `[batch, groups, places, inputs]`.
    pub(super) patches: Tensor,
    /// The layer's output in the graph.
    pub output: Tensor,
    /// What the code behind the layer got: the same numbers.
    pub(super) given: Tensor,
    /// Where the features are in it, counted from the last axis.
    pub(super) feature_axis: usize,
    pub(super) transposed: bool,
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
