//! The weights that a graph is written with.

use tch::Tensor;

use crate::parameter::ById;

/// What stands in a graph for a parameter.
#[derive(Debug)]
pub(crate) struct Weight {
    /// Its name in the traversal: `left.fc.weight`.
    pub name: String,
    /// Its weights, or those of each draw.
    pub values: Vec<Tensor>,
    /// The variance of each, where moments are written and it is random.
    pub variance: Option<Tensor>,
    /// Where those of a row covary: the axes along which they don't, `[inputs, inputs]`, and the variances along those.
    pub covariance: Option<(Tensor, Tensor)>,
}

/// The weights of all parameters of a net.
pub(crate) type Weights = ById<Weight>;
