//! Crystal-graph convolution with random weights (Xie & Grossman 2018, equation 5).
//!
//! For every edge e from j to i, `z_e = [x_i, x_j, a_e]` with the edge's own attributes a_e, and
//! `y_i = x_i + aggr over edges into i of sigmoid(W_f z_e + b_f) * softplus(W_s z_e + b_s)`.
//!
//! One draw of the weights serves all edges: a graph is one example.

use std::borrow::Borrow;

use illia_shape::Axis;
use tch::Tensor;
use tch::nn::Path;

use super::edges::{Edges, alone_or_not};
use super::{Linear, LinearConfig, shows, size};
use crate::error::{Error, Result, Within, fail_at};
use crate::module::{BayesianModule, Count};
use crate::parameter::{Estimator, Posterior, Prior};

/// How what comes along a node's edges is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aggregation {
    /// The sum over a node's edges; 0 for a node without one.
    #[default]
    Sum,
    /// The mean; 0 for a node without an edge into it.
    Mean,
}

/// The settings of a [`CgConv`].
#[derive(Debug, Clone, Copy)]
pub struct CgConvConfig {
    /// How what comes along a node's edges is put together.
    pub aggregation: Aggregation,
    /// Whether there are biases; true by default.
    pub bias: bool,
    /// The prior of weights and biases.
    pub prior: Prior,
    /// The biases' prior, if another one.
    pub bias_prior: Option<Prior>,
    /// The posterior of weights and biases.
    pub posterior: Posterior,
    /// How posterior and input become an output.
    pub estimator: Estimator,
}

impl Default for CgConvConfig {
    fn default() -> Self {
        let LinearConfig { bias, prior, bias_prior, posterior, estimator } = LinearConfig::default();
        CgConvConfig { aggregation: Aggregation::default(), bias, prior, bias_prior, posterior, estimator }
    }
}

/// A convolution over a graph's edges: nodes `[batch, nodes, channels]` to the same, the batch axis optional.
///
/// ```
/// use illia_core::nn::{CgConv, CgConvConfig};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let layer = CgConv::new(vs.root() / "conv", 4, 0, CgConvConfig::default());
/// let nodes = Tensor::ones([3, 4], (Kind::Float, Device::Cpu));
/// // From 0 to 1 and from 1 to 2.
/// let edges = Tensor::from_slice(&[0i64, 1, 1, 2]).view([2, 2]);
/// assert_eq!(layer.try_forward(&nodes, &edges, None)?.size(), [3, 4]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct CgConv {
    /// The gate, `[channels, 2 channels + dim]`.
    pub lin_f: Linear,
    /// What is let through, `[channels, 2 channels + dim]`.
    pub lin_s: Linear,
    channels: i64,
    dim: i64,
    aggregation: Aggregation,
}

impl CgConv {
    /// A layer on nodes of `channels` numbers and edges of `dim` (0: edges have none).
    ///
    /// # Panics
    /// Where [`try_new`](Self::try_new) is an error.
    #[track_caller]
    pub fn new<'a>(p: impl Borrow<Path<'a>>, channels: i64, dim: i64, config: CgConvConfig) -> Self {
        let p = p.borrow();
        Self::try_new(p, channels, dim, config).unwrap_or_else(|error| fail_at(p, error))
    }

    /// A layer on nodes of `channels` numbers and edges of `dim` (0: edges have none).
    ///
    /// # Errors
    /// [`Error::Configuration`] for `channels` below 1, `dim` below 0, or a distribution's number outside of its range.
    pub fn try_new<'a>(
        p: impl Borrow<Path<'a>>,
        channels: i64,
        dim: i64,
        config: CgConvConfig,
    ) -> Result<Self> {
        let inputs = 2 * size("channels", channels, 1)? + size("dim", dim, 0)?;
        let CgConvConfig { aggregation, bias, prior, bias_prior, posterior, estimator } = config;
        let linear = LinearConfig { bias, prior, bias_prior, posterior, estimator };
        let p = p.borrow();
        Ok(CgConv {
            lin_f: Linear::try_new(p / "lin_f", inputs, channels, linear)?,
            lin_s: Linear::try_new(p / "lin_s", inputs, channels, linear)?,
            channels,
            dim,
            aggregation,
        })
    }

    /// Nodes `[batch, nodes, channels]` to the same. `edges`, `[batch, 2, E]`, are integers: row 0 where an edge comes from, row 1 where
    /// it goes; from -1 to -1 is none. `attributes`, `[batch, E, dim]`, are the edges' own, if they have any. Without a batch axis
    /// likewise.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape of any; [`Error::Unfit`] for a node that there is not.
    pub fn try_forward(&self, x: &Tensor, edges: &Tensor, attributes: Option<&Tensor>) -> Result<Tensor> {
        alone_or_not(x, edges, attributes, |x, edges, attributes| self.batch(x, edges, attributes))
    }

    fn batch(&self, x: &Tensor, edges: &Tensor, attributes: Option<&Tensor>) -> Result<Tensor> {
        let shape = |expected: String, given: &Tensor| {
            Err(Error::Shape { layer: KIND.to_owned(), expected, given: given.size() })
        };
        if x.size().last() != Some(&self.channels) {
            return shape(format!("[batch, nodes, {}]", self.channels), x);
        }
        let edges = Edges::between(KIND, x, edges)?;
        let (batch, count) = (x.size().first().copied().unwrap_or(1), edges.count());
        match attributes {
            None if self.dim > 0 => {
                let allowed = format!("attributes [batch, edges, {}] of the edges", self.dim);
                return Err(Error::configuration("attributes", "none", &allowed));
            }
            Some(given) if given.size() != [batch, count, self.dim] => {
                return shape(format!("[{batch}, {count}, {}] of the edges' attributes", self.dim), given);
            }
            _ => {}
        }
        let mut z = vec![edges.targets(x)?, edges.sources(x)?];
        z.extend(attributes.map(Tensor::shallow_clone));
        let z = Tensor::f_cat(&z, -1).within(KIND)?;
        let along = self.lin_f.try_forward(&z)?.sigmoid() * self.lin_s.try_forward(&z)?.softplus();
        let into = edges.sum(&along)?;
        Ok(match self.aggregation {
            Aggregation::Sum => x + into,
            Aggregation::Mean => x + into / edges.degrees(x)?.clamp_min(1.0),
        })
    }
}

const KIND: &str = "CgConv";

impl BayesianModule for CgConv {
    shows!(lin_f, lin_s);
    /// Along every edge, of whose number the output says nothing.
    fn multiply_adds(&self, output: &[Axis]) -> Option<Count> {
        let along = [Axis::Named("edges"), *output.last()?];
        Some(self.lin_f.multiply_adds(&along)?.plus(&self.lin_s.multiply_adds(&along)?))
    }
    fn per_example(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, nn::VarStore};

    /// The formula, edge by edge.
    #[test]
    fn each_edge_adds_its_part() {
        let float = (Kind::Double, Device::Cpu);
        for aggregation in [Aggregation::Sum, Aggregation::Mean] {
            let vs = VarStore::new(Device::Cpu);
            let posterior = crate::Posterior::fan_in();
            let config = CgConvConfig { aggregation, posterior, ..Default::default() };
            let mut layer = CgConv::new(vs.root(), 3, 2, config);
            layer.freeze();
            let x = Tensor::randn([4, 3], float).to_kind(Kind::Float);
            let a = Tensor::randn([5, 2], float).to_kind(Kind::Float);
            // One double, one a loop, none into 3.
            let ends = [(0, 1), (0, 1), (2, 2), (3, 1), (1, 0)];
            let flat: Vec<i64> = ends.iter().map(|e| e.0).chain(ends.iter().map(|e| e.1)).collect();
            let y = layer.try_forward(&x, &Tensor::from_slice(&flat).view([2, 5]), Some(&a)).unwrap();
            let want = x.copy();
            for (e, (from, to)) in ends.into_iter().enumerate() {
                let z = Tensor::cat(&[x.get(to), x.get(from), a.get(e as i64)], 0).unsqueeze(0);
                let part = layer.lin_f.try_forward(&z).unwrap().sigmoid()
                    * layer.lin_s.try_forward(&z).unwrap().softplus();
                let degree = ends.iter().filter(|end| end.1 == to).count() as f64;
                let scale = if aggregation == Aggregation::Mean { 1.0 / degree } else { 1.0 };
                let mut row = want.get(to);
                row += part.squeeze() * scale;
            }
            assert!(y.allclose(&want, 1e-5, 1e-6, false), "{aggregation:?}");
        }
    }

    #[test]
    fn edges_join_nodes_that_there_are() {
        let vs = VarStore::new(Device::Cpu);
        let layer = CgConv::new(vs.root(), 3, 0, CgConvConfig::default());
        let x = Tensor::randn([4, 3], (Kind::Float, Device::Cpu));
        let edges = Tensor::from_slice(&[0i64, 4]).view([2, 1]);
        let error = layer.try_forward(&x, &edges, None).unwrap_err().to_string();
        assert!(error.contains('4'), "{error}");
        let none = Tensor::zeros([2, 0], (Kind::Int64, Device::Cpu));
        assert!(layer.try_forward(&x, &none, None).unwrap().allclose(&x, 0.0, 0.0, false));
        assert!(layer.try_forward(&x, &edges.to_kind(Kind::Float), None).is_err());
    }
}
