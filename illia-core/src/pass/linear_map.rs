//! What passes and estimators need to know of a layer that is linear in its weights.

use illia_shape::Axis;
use tch::Tensor;

use crate::module::Count;

/// A layer that is linear in its weights: what an estimator needs to know of it.
pub(crate) trait LinearMap {
    /// The layer's kind, for messages.
    const KIND: &'static str;
    /// Whether the weight's first axis is that of the inputs, as in a transposed convolution.
    const TRANSPOSED: bool = false;
    /// The number of axes of one example, the features' among them.
    fn example_rank(&self, input: &Tensor) -> usize;
    /// Where the features are, counted from the last axis: 1 for the last.
    fn feature_axis(&self) -> usize;
    /// The outputs' features.
    fn outputs(&self) -> i64;
    /// y = W x + b.
    fn map(&self, x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Result<Tensor, tch::TchError>;
    /// How often a forward of one example goes over the weight, where it gives an output of these axes.
    fn places(&self, output: &[Axis]) -> Option<Count> {
        let features = output.len().checked_sub(self.feature_axis())?;
        let others = output.iter().enumerate().filter(|(at, _)| *at != features);
        Some(Count::product(others.map(|(_, axis)| *axis)))
    }
    /// What each place of the output sees of `x`, `[batch, groups, places, inputs]`, so that `map` is a product of it with the
    /// weight as matrices `[groups, outputs, inputs]`.
    fn patches(&self, x: &Tensor) -> Result<Tensor, tch::TchError>;
    /// The same for all draws of a stack at once, `w` `[draws, ..]` and `b` `[draws, out]`, where there is a faster way
    /// than one after the other. `shared` is set where `x` is the same for all.
    fn map_draws(
        &self,
        _x: &Tensor,
        _w: &Tensor,
        _b: Option<&Tensor>,
        _rows: i64,
        _shared: bool,
    ) -> Option<Result<Tensor, tch::TchError>> {
        None
    }
}
