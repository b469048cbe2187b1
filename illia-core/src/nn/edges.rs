//! What layers over a graph's edges share.
//!
//! Nodes are `[batch, nodes, features]`, edges `[batch, 2, edges]` of integers: row 0 where an edge comes from, row 1 where it goes.
//! A batch holds graphs of one size; smaller ones are filled up with nodes and with edges from -1 to -1, which are none.
//! Without a batch axis, `[nodes, features]` and `[2, edges]`, it is one graph.

use tch::{Kind, Tensor};

use crate::error::{Error, Result, Within};

/// The edges of a batch of graphs.
#[derive(Debug)]
pub(super) struct Edges {
    layer: &'static str,
    /// Where they come from, `[batch, edges]`; 0 where there is none.
    from: Tensor,
    to: Tensor,
    /// 1 where there is an edge, `[batch, edges, 1]`; None where all are.
    real: Option<Tensor>,
    nodes: i64,
}

impl Edges {
    /// Edges between the nodes of `x`.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape, [`Error::Torch`] for other than integers, [`Error::Unfit`] for a node that there is not.
    pub fn between(layer: &'static str, x: &Tensor, edges: &Tensor) -> Result<Edges> {
        let &[batch, nodes, _] = x.size().as_slice() else {
            let expected = "[batch, nodes, features]".to_owned();
            return Err(Error::Shape { layer: layer.to_owned(), expected, given: x.size() });
        };
        if !matches!(edges.size().as_slice(), [given, 2, _] if *given == batch) {
            let expected = format!("[{batch}, 2, edges] of the edges");
            return Err(Error::Shape { layer: layer.to_owned(), expected, given: edges.size() });
        }
        if !matches!(edges.kind(), Kind::Int64 | Kind::Int | Kind::Int16 | Kind::Int8 | Kind::Uint8) {
            let message = format!("edges are integers, got {:?}", edges.kind());
            return Err(Error::Torch { layer: layer.to_owned(), message });
        }
        let edges = edges.to_kind(Kind::Int64);
        let mut real = None;
        if edges.numel() > 0 {
            let none = edges.eq(-1).all_dim(1, false);
            let others = edges.masked_fill(&none.unsqueeze(1), 0);
            let ends = [others.min(), others.max()].map(|end| end.int64_value(&[]));
            if let Some(index) = ends.into_iter().find(|end| !(0..nodes).contains(end)) {
                let problem = format!("the edges name node {index}, but there are {nodes} nodes, from 0 on");
                return Err(Error::Unfit { layer: layer.to_owned(), problem });
            }
            if none.any().int64_value(&[]) != 0 {
                real = Some(none.logical_not().to_kind(x.kind()).unsqueeze(-1));
            }
            let (from, to) = (others.select(1, 0), others.select(1, 1));
            return Ok(Edges { layer, from, to, real, nodes });
        }
        Ok(Edges { layer, from: edges.select(1, 0), to: edges.select(1, 1), real, nodes })
    }

    /// How many there are of each graph.
    pub fn count(&self) -> i64 {
        self.to.size().last().copied().unwrap_or(0)
    }

    /// What the nodes have from which edges come, `[batch, edges, features]`.
    pub fn sources(&self, x: &Tensor) -> Result<Tensor> {
        self.gather(x, &self.from)
    }

    /// What the nodes have to which edges go, `[batch, edges, features]`.
    pub fn targets(&self, x: &Tensor) -> Result<Tensor> {
        self.gather(x, &self.to)
    }

    fn gather(&self, x: &Tensor, ends: &Tensor) -> Result<Tensor> {
        let features = x.size().last().copied().unwrap_or(1);
        x.f_gather(1, &ends.unsqueeze(-1).expand([-1, -1, features], false), false).within(self.layer)
    }

    /// The sum for each node of what comes along the edges into it: `[batch, edges, features]` to `[batch, nodes, features]`.
    pub fn sum(&self, along: &Tensor) -> Result<Tensor> {
        let size = along.size();
        let (batch, features) = (size.first().copied().unwrap_or(1), size.last().copied().unwrap_or(1));
        let along = self.real.as_ref().map_or_else(|| along.shallow_clone(), |real| along * real);
        let zeros = Tensor::f_zeros([batch, self.nodes, features], (along.kind(), along.device()));
        let to = self.to.unsqueeze(-1).expand([-1, -1, features], false);
        zeros.and_then(|zeros| zeros.f_scatter_add(1, &to, &along)).within(self.layer)
    }

    /// How many edges go into each node, `[batch, nodes, 1]`.
    pub fn degrees(&self, like: &Tensor) -> Result<Tensor> {
        self.sum(&self.to.ones_like().to_kind(like.kind()).unsqueeze(-1))
    }
}

/// Runs `forward` on graphs with a batch axis, or on one without as a batch of one.
pub(super) fn alone_or_not(
    x: &Tensor,
    edges: &Tensor,
    attributes: Option<&Tensor>,
    forward: impl Fn(&Tensor, &Tensor, Option<&Tensor>) -> Result<Tensor>,
) -> Result<Tensor> {
    if x.dim() != 2 {
        return forward(x, edges, attributes);
    }
    let attributes = attributes.map(|attributes| attributes.unsqueeze(0));
    Ok(forward(&x.unsqueeze(0), &edges.unsqueeze(0), attributes.as_ref())?.squeeze_dim(0))
}
