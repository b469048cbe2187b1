//! GraphSAGE with random weights (Hamilton, Ying & Leskovec 2017, algorithm 1 with the mean of the neighbours):
//! `y_i = W_l mean of x_j over edges from j to i + b + W_r x_i`; the mean over no edge is 0.
//!
//! One draw of the weights serves all nodes: a graph is one example.

use std::borrow::Borrow;

use illia_shape::Axis;
use tch::Tensor;
use tch::nn::Path;

use super::edges::{Edges, alone_or_not};
use super::{Linear, LinearConfig, shows};
use crate::error::{Error, Result, fail_at};
use crate::module::{BayesianModule, Count};

/// A layer of GraphSAGE: nodes `[batch, nodes, in]` to `[batch, nodes, out]`, the batch axis optional.
///
/// ```
/// use illia_core::nn::{LinearConfig, Sage};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let layer = Sage::new(vs.root() / "conv", 4, 8, LinearConfig::default());
/// // Two graphs of three nodes; the second one has a single edge.
/// let nodes = Tensor::ones([2, 3, 4], (Kind::Float, Device::Cpu));
/// let edges = Tensor::from_slice(&[0i64, 1, 1, 2, 0, -1, 1, -1]).view([2, 2, 2]);
/// assert_eq!(layer.try_forward(&nodes, &edges)?.size(), [2, 3, 8]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Sage {
    /// W_l and b, on the neighbours' mean.
    pub lin_l: Linear,
    /// W_r, on the node itself.
    pub lin_r: Linear,
    inputs: i64,
}

impl Sage {
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
        let p = p.borrow();
        Ok(Sage {
            lin_l: Linear::try_new(p / "lin_l", inputs, outputs, config)?,
            lin_r: Linear::try_new(p / "lin_r", inputs, outputs, LinearConfig { bias: false, ..config })?,
            inputs,
        })
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
            let mean = edges.sum(&edges.sources(x)?)? / edges.degrees(x)?.clamp_min(1.0);
            Ok(self.lin_l.try_forward(&mean)? + self.lin_r.try_forward(x)?)
        })
    }
}

const KIND: &str = "Sage";

impl BayesianModule for Sage {
    shows!(lin_l, lin_r);
    fn multiply_adds(&self, output: &[Axis]) -> Option<Count> {
        Some(self.lin_l.multiply_adds(output)?.plus(&self.lin_r.multiply_adds(output)?))
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
    fn a_batch_of_filled_up_graphs_is_each_of_them() {
        let vs = VarStore::new(Device::Cpu);
        let mut layer = Sage::new(vs.root(), 3, 2, LinearConfig::default());
        layer.freeze();
        let x = Tensor::randn([2, 4, 3], (Kind::Float, Device::Cpu));
        // The first graph has three edges and four nodes, the second one edge and two nodes.
        let edges = Tensor::from_slice(&[0i64, 1, 2, 1, 1, 3, 1, -1, -1, 0, -1, -1]).view([2, 2, 3]);
        let both = layer.try_forward(&x, &edges).unwrap();
        let first = layer.try_forward(&x.get(0), &edges.get(0)).unwrap();
        assert!(both.get(0).allclose(&first, 1e-6, 1e-6, false));
        let (nodes, edge) = (x.get(1).narrow(0, 0, 2), edges.get(1).narrow(1, 0, 1));
        let second = layer.try_forward(&nodes, &edge).unwrap();
        assert!(both.get(1).narrow(0, 0, 2).allclose(&second, 1e-6, 1e-6, false));
        let half = Tensor::from_slice(&[0i64, -1]).view([2, 1]);
        assert!(layer.try_forward(&nodes, &half).is_err(), "an edge to nowhere is from nowhere");
    }

    #[test]
    fn each_node_takes_its_neighbours_mean() {
        let vs = VarStore::new(Device::Cpu);
        let mut layer = Sage::new(vs.root(), 3, 2, LinearConfig::default());
        layer.freeze();
        let x = Tensor::randn([4, 3], (Kind::Float, Device::Cpu));
        // Into 1 from 0 and 2, into 2 from 2; none into the others.
        let edges = Tensor::from_slice(&[0i64, 2, 2, 1, 1, 2]).view([2, 3]);
        let mean = Tensor::stack(
            &[x.get(0).zeros_like(), (x.get(0) + x.get(2)) / 2.0, x.get(2), x.get(3).zeros_like()],
            0,
        );
        let want = layer.lin_l.try_forward(&mean).unwrap() + layer.lin_r.try_forward(&x).unwrap();
        assert!(layer.try_forward(&x, &edges).unwrap().allclose(&want, 1e-5, 1e-6, false));
    }
}
