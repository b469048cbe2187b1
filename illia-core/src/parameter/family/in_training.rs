//! What a layer gives in a step of training, for the families' tests.

use tch::Tensor;
use tch::nn::Module;

use crate::pass::{Mode, Pass};
use crate::{BayesianModule, RandomParameter};

/// Outputs of so many steps: `[steps, ..]`.
pub(super) fn outputs<M: Module + BayesianModule>(layer: &M, x: &Tensor, steps: i64) -> Tensor {
    let parameters: Vec<&RandomParameter> =
        layer.named_parameters().into_iter().map(|(_, parameter)| parameter).collect();
    let pass = Pass::over(&parameters, Mode::Graph, None);
    let each: Vec<Tensor> = (0..steps)
        .map(|_| {
            pass.renew(1);
            tch::no_grad(|| layer.forward(x))
        })
        .collect();
    Tensor::stack(&each, 0)
}
