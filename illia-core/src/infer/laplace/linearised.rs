//! A net's outputs for a batch, linear in the weights around their means.

use tch::Tensor;

use super::blocks::{Block, no_rule};
use crate::error::{Error, Result, Within};
use crate::parameter::{ParameterId, RandomParameter};
use crate::pass::record::{self, Matrix, Record};
use crate::pass::{Mode, Pass};

/// How a net is run: over its parameters, of which some are treated.
pub(super) struct Run<'a> {
    pub parameters: Vec<&'a RandomParameter>,
    pub treated: Vec<(String, &'a RandomParameter)>,
    pub forward: &'a dyn Fn(&[Tensor]) -> Result<Tensor>,
}

/// The outputs for a batch, and what their derivatives follow from.
pub(super) struct Linearised {
    /// As the net gave them, `[batch, ..]`, without gradient.
    pub outputs: Tensor,
    /// The same in the graph, `[batch, outputs]`.
    graph: Tensor,
    records: Vec<Record>,
    /// Whether the one layer treated is the net's last, so that the outputs' gradient by it is the identity.
    pub is_last: bool,
}

impl Run<'_> {
    /// Runs the net over `inputs`, each `[batch, ..]`.
    pub fn linearised(&self, inputs: &[Tensor]) -> Result<Linearised> {
        tch::with_grad(|| {
            let pass = Pass::over(&self.parameters, Mode::Record, None);
            pass.watch(self.treated.iter().map(|(_, parameter)| parameter.id()));
            let outputs = (self.forward)(inputs)?;
            let records = pass.records();
            for (name, parameter) in &self.treated {
                let id = parameter.id();
                if pass.missed(id) || !records.iter().any(|record| record.is_of(id)) {
                    return Err(no_rule(name));
                }
            }
            let rows = inputs.first().and_then(|x| x.size().first().copied());
            let kept = records.iter().all(|record| record.output.size().first().copied() == rows);
            if outputs.size().first().copied() != rows || !kept {
                let expected = "as many outputs as examples, their axis the first throughout".to_owned();
                return Err(Error::Shape { layer: "Laplace".to_owned(), expected, given: outputs.size() });
            }
            let is_last = match records.as_slice() {
                [only] => outputs.dim() == 2 && only.is_last(&outputs),
                _ => false,
            };
            let graph = if outputs.dim() < 2 { outputs.unsqueeze(1) } else { outputs.flatten(1, -1) };
            Ok(Linearised { outputs: outputs.detach(), graph, records, is_last })
        })
    }
}

impl Linearised {
    /// `[batch, outputs]`.
    pub fn flat(&self) -> Tensor {
        self.graph.detach()
    }

    /// For each use of a layer the gradient of the sum of `seed` times the outputs, both `[batch, outputs]`, by what the layer gave.
    pub fn gradients(&self, seed: &Tensor) -> Result<Vec<Tensor>> {
        if self.is_last {
            return Ok(vec![seed.shallow_clone()]);
        }
        let inputs: Vec<&Tensor> = self.records.iter().map(|record| &record.output).collect();
        let sum = tch::with_grad(|| (&self.graph * seed).sum(self.graph.kind()));
        let gradients = Tensor::f_run_backward(&[sum], &inputs, true, false).within("Laplace")?;
        let defined = gradients.into_iter().zip(inputs).map(|(gradient, output)| match gradient.defined() {
            true => gradient,
            false => output.zeros_like(),
        });
        Ok(defined.map(|gradient| gradient.detach()).collect())
    }

    /// The gradients of output `k` of each example.
    pub fn gradients_of(&self, k: i64) -> Result<Vec<Tensor>> {
        let seed = self.graph.zeros_like().detach();
        let _ = seed.narrow(1, k, 1).fill_(1.0);
        self.gradients(&seed)
    }

    /// What the parameter is multiplied with, over all uses: `[batch, groups, places, inputs]`.
    pub fn inputs_of(&self, id: ParameterId) -> Tensor {
        record::inputs_of(&self.records, id)
    }

    /// The gradients that belong to those: `[batch, groups, places, outputs]`.
    pub fn outputs_of(&self, id: ParameterId, gradients: &[Tensor]) -> Tensor {
        record::outputs_of(&self.records, id, gradients)
    }

    /// Each example's gradient by the parameter, `[batch, groups, outputs, inputs]`.
    pub fn gradient_by(&self, id: ParameterId, gradients: &[Tensor]) -> Result<Tensor> {
        let outputs = self.outputs_of(id, gradients);
        outputs.transpose(2, 3).f_matmul(&self.inputs_of(id)).within("Laplace")
    }

    /// How the parameter stands in matrices.
    pub fn matrix_of(&self, id: ParameterId) -> Option<Matrix> {
        self.records.iter().find(|record| record.is_of(id)).map(|record| record.matrix_of(id))
    }

    /// Each example's gradient by all treated parameters, one behind the other: `[batch, elements]`.
    pub fn rows(&self, ids: &[ParameterId], gradients: &[Tensor]) -> Result<Tensor> {
        let each = ids.iter().map(|&id| Ok(self.gradient_by(id, gradients)?.flatten(1, -1)));
        Tensor::f_cat(&each.collect::<Result<Vec<_>>>()?, 1).within("Laplace")
    }

    /// The blocks of the treated parameters.
    pub fn blocks(&self, treated: &[(String, &RandomParameter)]) -> Result<Vec<Block>> {
        let block = |(name, parameter): &(String, &RandomParameter)| {
            let matrix = self.matrix_of(parameter.id()).ok_or_else(|| no_rule(name))?;
            let shape = parameter.mu().size();
            Ok(Block { name: name.clone(), shape, matrix })
        };
        treated.iter().map(block).collect()
    }
}
