//! Adam (Kingma & Ba 2015, algorithm 1) in one pass over memory.

use tch::Tensor;

use super::isa::{Isa, dispatch};
use super::{memory, parallel};
use crate::optimiser::Adam;

/// Elements of one block: no thread takes fewer.
const BLOCK: usize = 4096;

/// The numbers of one step of one variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamStep {
    /// 1 - beta1: what the mean takes of the new gradient.
    new_mean: f32,
    /// beta2, and 1 - beta2.
    old_square: f32,
    new_square: f32,
    /// The learning rate over 1 - beta1^t.
    rate: f32,
    /// 1 / sqrt(1 - beta2^t).
    root_correction: f32,
    eps: f32,
}

impl AdamStep {
    /// The corrections are 1 - beta^t for both betas.
    pub(crate) fn new(adam: &Adam, correction1: f64, correction2: f64) -> AdamStep {
        AdamStep {
            new_mean: (1.0 - adam.beta1) as f32,
            old_square: adam.beta2 as f32,
            new_square: (1.0 - adam.beta2) as f32,
            rate: (adam.learning_rate / correction1) as f32,
            root_correction: correction2.sqrt().recip() as f32,
            eps: adam.eps as f32,
        }
    }

    #[inline(always)]
    pub(super) fn apply(self, variable: &mut f32, mean: &mut f32, square: &mut f32, gradient: f32) {
        *mean += (gradient - *mean) * self.new_mean;
        *square = *square * self.old_square + gradient * gradient * self.new_square;
        *variable -= self.rate * *mean / (square.sqrt() * self.root_correction + self.eps);
    }
}

/// One step of a variable down its gradient; false, and nothing is done, for tensors that are not plain f32 memory
/// on the CPU.
pub(crate) fn step(
    adam: AdamStep,
    variable: &Tensor,
    mean: &Tensor,
    square: &Tensor,
    gradient: &Tensor,
) -> bool {
    let isa = Isa::best();
    let tensors = [variable, mean, square, gradient].map(Some);
    memory::with_slices(tensors, |slices| {
        parallel::map_blocks(slices, BLOCK, |_, [variable, mean, square, gradient]| {
            step_block(isa, adam, variable, mean, square, gradient);
        });
    })
    .is_some()
}

#[inline(always)]
fn step_body(adam: AdamStep, variable: &mut [f32], mean: &mut [f32], square: &mut [f32], gradient: &[f32]) {
    let moments = mean.iter_mut().zip(square);
    for ((variable, (mean, square)), gradient) in variable.iter_mut().zip(moments).zip(gradient) {
        adam.apply(variable, mean, square, *gradient);
    }
}

dispatch! {
    fn step_block(
        adam: AdamStep,
        variable: &mut [f32],
        mean: &mut [f32],
        square: &mut [f32],
        gradient: &[f32],
    ) = step_body;
}
