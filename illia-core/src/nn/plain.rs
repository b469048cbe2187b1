//! tch's own layers, whose weights are plain.

use tch::{Tensor, nn};

use super::{element_by_element, graph};
use crate::error::Result;
use crate::graph::Value;
use crate::module::{BayesianModule, Visitor, VisitorMut};

/// The weights of a layer of tch's, as many as tch shows of them.
macro_rules! plain {
    ($per_example:literal: $($layer:ty: $weights:expr),* $(,)?) => {$(
        impl BayesianModule for $layer {
            fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
                visitor.plain($weights(self));
            }
            fn visit_mut(&mut self, _: &mut VisitorMut<'_>) {}
            fn per_example(&self) -> bool {
                $per_example
            }
        }
    )*};
}

fn count<'a>(weights: impl IntoIterator<Item = &'a Tensor>) -> usize {
    weights.into_iter().map(Tensor::numel).sum()
}

plain!(true:
    nn::Linear: |layer: &nn::Linear| count(Some(&layer.ws).into_iter().chain(&layer.bs)),
    nn::Embedding: |layer: &nn::Embedding| count([&layer.ws]),
    nn::ConvTranspose1D: |layer: &nn::ConvTranspose1D| count(Some(&layer.ws).into_iter().chain(&layer.bs)),
    nn::ConvTranspose2D: |layer: &nn::ConvTranspose2D| count(Some(&layer.ws).into_iter().chain(&layer.bs)),
    nn::ConvTranspose3D: |layer: &nn::ConvTranspose3D| count(Some(&layer.ws).into_iter().chain(&layer.bs)),
    nn::LSTM: |_: &nn::LSTM| 0,
    nn::GRU: |_: &nn::GRU| 0,
);

/// Norms, which have a form in a graph besides.
macro_rules! norms {
    ($($layer:ty: $written:ident),*) => {$(
        impl BayesianModule for $layer {
            element_by_element!();
            fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
                visitor.plain(count(self.ws.iter().chain(&self.bs)));
            }
            fn visit_mut(&mut self, _: &mut VisitorMut<'_>) {}
            fn per_example(&self) -> bool {
                true
            }
            fn in_graph(&self, inputs: &[&Value]) -> Option<Result<Vec<Value>>> {
                Some(graph::one_to_one(inputs, |x| graph::$written(self, x)))
            }
        }
    )*};
}

norms!(nn::LayerNorm: layer_norm, nn::GroupNorm: group_norm, nn::BatchNorm: batch_norm);

// What stands in them is the user's.
plain!(false:
    nn::Sequential: |_: &nn::Sequential| 0,
    nn::SequentialT: |_: &nn::SequentialT| 0,
    nn::Func<'_>: |_: &nn::Func<'_>| 0,
    nn::FuncT<'_>: |_: &nn::FuncT<'_>| 0,
);

impl<ND> BayesianModule for nn::Conv<ND> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
        visitor.plain(count(Some(&self.ws).into_iter().chain(&self.bs)));
    }
    fn visit_mut(&mut self, _: &mut VisitorMut<'_>) {}
    fn per_example(&self) -> bool {
        true
    }
}
