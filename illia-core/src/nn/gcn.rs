//! Graph convolution with random weights (Kipf & Welling 2017, equation 2): `Y = D^(-1/2) (A + I) D^(-1/2) X Wᵀ + b`, with A_ij the
//! number of edges from j to i and D_ii = 1 + the number of edges into i.
//!
//! An edge of a graph without directions stands in both. One draw of the weights serves all nodes: a graph is one example.

use std::borrow::Borrow;

use illia_shape::Axis;
use tch::Tensor;
use tch::nn::Path;

use super::edges::{Edges, alone_or_not};
use super::{Linear, LinearConfig, shows};
use crate::error::{Error, Result, fail_at};
use crate::module::{BayesianModule, Count};

/// A graph convolution: nodes `[batch, nodes, in]` to `[batch, nodes, out]`, the batch axis optional.
///
/// ```
/// use illia_core::nn::{Gcn, LinearConfig};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let layer = Gcn::new(vs.root() / "conv", 4, 8, LinearConfig::default());
/// let nodes = Tensor::ones([3, 4], (Kind::Float, Device::Cpu));
/// // From 0 to 1 and from 1 to 2.
/// let edges = Tensor::from_slice(&[0i64, 1, 1, 2]).view([2, 2]);
/// assert_eq!(layer.try_forward(&nodes, &edges)?.size(), [3, 8]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Gcn {
    /// W and b.
    pub lin: Linear,
    inputs: i64,
}

impl Gcn {
    /// A layer from `inputs` to `outputs` features.
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(p: impl Borrow<Path<'a>>, inputs: i64, outputs: i64, config: LinearConfig) -> Self {
        let p = p.borrow();
        Self::try_new(p, inputs, outputs, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// A layer from `inputs` to `outputs` features.
    ///
    /// # Errors
    /// As [`Linear::try_new`].
    pub fn try_new<'a>(
        p: impl Borrow<Path<'a>>,
        inputs: i64,
        outputs: i64,
        config: LinearConfig,
    ) -> Result<Self> {
        Ok(Gcn { lin: Linear::try_new(p.borrow() / "lin", inputs, outputs, config)?, inputs })
    }

    /// Nodes `[batch, nodes, in]` to `[batch, nodes, out]` over edges `[batch, 2, edges]` of integers: row 0 where an edge comes from,
    /// row 1 where it goes; from -1 to -1 is none. Without a batch axis likewise.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape of either; [`Error::Unfit`] for a node that there is not.
    pub fn try_forward(&self, x: &Tensor, edges: &Tensor) -> Result<Tensor> {
        if x.size().last() != Some(&self.inputs) {
            let expected = format!("[batch, nodes, {}]", self.inputs);
            return Err(Error::Shape { layer: KIND.to_owned(), expected, given: x.size() });
        }
        alone_or_not(x, edges, None, |x, edges, _| {
            let edges = Edges::between(KIND, x, edges)?;
            let scale = (edges.degrees(x)? + 1.0).rsqrt();
            let scaled = x * &scale;
            let around = (edges.sum(&edges.sources(&scaled)?)? + scaled) * scale;
            self.lin.try_forward(&around)
        })
    }
}

const KIND: &str = "Gcn";

impl BayesianModule for Gcn {
    shows!(lin);
    fn multiply_adds(&self, output: &[Axis]) -> Option<Count> {
        self.lin.multiply_adds(output)
    }
    fn per_example(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, nn::VarStore};

    use super::*;

    #[test]
    fn is_the_product_of_matrices() {
        let float = (Kind::Float, Device::Cpu);
        let vs = VarStore::new(Device::Cpu);
        let mut layer = Gcn::new(vs.root(), 3, 2, LinearConfig::default());
        layer.freeze();
        let ends = [(0, 1), (1, 0), (2, 1), (0, 1), (3, 3)];
        let flat: Vec<i64> = ends.iter().map(|e| e.0).chain(ends.iter().map(|e| e.1)).collect();
        let x = Tensor::randn([5, 3], float);
        let matrix = Tensor::eye(5, float);
        for (from, to) in ends {
            let _ = matrix.get(to).get(from).g_add_scalar_(1.0);
        }
        let scale = matrix.sum_dim_intlist([1i64].as_slice(), true, Kind::Float).rsqrt();
        let want = layer.lin.try_forward(&((&matrix * &scale * scale.tr()).matmul(&x))).unwrap();
        let y = layer.try_forward(&x, &Tensor::from_slice(&flat).view([2, 5])).unwrap();
        assert!(y.allclose(&want, 1e-5, 1e-6, false));
    }
}
