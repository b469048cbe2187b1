//! Layers with random parameters. They follow tch's conventions: `Layer::new(path, sizes…, config)`,
//! [`tch::nn::Module`], batch first.
//!
//! `new` stops with a sentence on a setting that makes no sense, as tch's constructors do; `try_new`
//! returns it. Likewise `forward` and `try_forward` for inputs.

mod attention;
mod cgconv;
mod conv;
mod conv_transpose;
mod dropout;
mod edges;
mod embedding;
mod gcn;
pub(crate) mod graph;
mod linear;
mod lstm_model;
mod norm;
mod plain;
mod position;
mod recurrent;
mod rms_norm;
mod sage;

pub use attention::{AttentionConfig, CrossAttention, SelfAttention};
pub use cgconv::{Aggregation, CgConv, CgConvConfig};
pub use conv::{Conv, Conv1d, Conv2d, Conv3d, ConvConfig, Size};
pub use conv_transpose::{
    ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, ConvTransposeConfig,
};
pub use dropout::{dropout, try_dropout};
pub use embedding::{Embedding, EmbeddingConfig};
pub use gcn::Gcn;
pub use linear::{Linear, LinearConfig};
pub use lstm_model::{LstmModel, LstmModelConfig, LstmModelOutput};
pub use norm::{BatchNorm, LayerNorm, NormConfig};
pub use position::{ClassToken, PositionEmbedding, TokenConfig};
pub use recurrent::{Gru, Lstm, Recurrent, RecurrentConfig, RecurrentOutput, Rnn};
pub use rms_norm::{RmsNorm, RmsNormConfig};
pub use sage::Sage;

use std::borrow::Borrow;

use tch::nn::Path;

use crate::error::{Error, Result};
use crate::parameter::Posterior;
use crate::parameter::Prior;
use crate::parameter::{InputUnits, RandomParameter};

/// The largest size that a layer takes, far beyond any net: with it, products of two sizes have no overflow, and libtorch's
/// kernels, which count in 32 bits in places, none either.
const MOST: i64 = i32::MAX as i64;

/// `value`, if it is a size from `least` on.
fn size(name: &str, value: i64, least: i64) -> Result<i64> {
    if (least..=MOST).contains(&value) {
        return Ok(value);
    }
    Err(Error::configuration(name, value, &format!("from {least} to {MOST}")))
}

/// The inputs of one output unit: so many channels times the kernel's points.
fn fan_in<const D: usize>(channels: i64, kernel: Size<D>) -> i64 {
    kernel.0.into_iter().fold(channels, i64::saturating_mul)
}

/// The pair that nearly every layer has.
struct WeightAndBias {
    weight: RandomParameter,
    bias: Option<RandomParameter>,
}

/// A weight of `shape` and, if asked for, a bias of `outputs`, named as in tch.
#[allow(clippy::too_many_arguments)]
fn weight_and_bias<'a>(
    p: impl Borrow<Path<'a>>,
    shape: &[i64],
    fan_in: i64,
    outputs: i64,
    bias: bool,
    prior: Prior,
    bias_prior: Option<Prior>,
    posterior: Posterior,
    input_units: InputUnits,
) -> Result<WeightAndBias> {
    let p = p.borrow();
    let parameter = |name: &str, shape: &[i64], prior| {
        let mut parameter =
            RandomParameter::of_input_units(p, name, shape, fan_in, prior, posterior, input_units)?;
        // These layers' forwards go through an estimator, which knows of several draws and notes what it does.
        parameter.set_stackable();
        parameter.set_noted();
        Ok::<_, Error>(parameter)
    };
    let weight = parameter("weight", shape, prior)?;
    let bias = bias.then(|| parameter("bias", &[outputs], bias_prior.unwrap_or(prior))).transpose()?;
    Ok(WeightAndBias { weight, bias })
}

/// The traversal of a layer: its fields by their names, each a parameter, a layer, or perhaps one.
macro_rules! shows {
    ($($field:ident),+) => {
        fn visit<'a>(&'a self, visitor: &mut $crate::Visitor<'a>) {
            $(visitor.module(stringify!($field), &self.$field);)+
        }
        fn visit_mut(&mut self, visitor: &mut $crate::VisitorMut<'_>) {
            $(visitor.module(stringify!($field), &mut self.$field);)+
        }
    };
}
pub(crate) use shows;

/// A layer that multiplies no matrices, in its `impl BayesianModule`.
macro_rules! element_by_element {
    () => {
        fn multiply_adds(&self, _: &[illia_shape::Axis]) -> Option<$crate::module::Count> {
            Some($crate::module::Count::default())
        }
    };
}
pub(crate) use element_by_element;

/// What every layer of a weight and an optional bias shows a traversal, and its `forward` in tch's
/// manner.
macro_rules! weight_and_bias_layer {
    ([$($generics:tt)*] $layer:ty) => {
        impl<$($generics)*> $crate::BayesianModule for $layer {
            $crate::nn::shows!(weight, bias);
            fn try_forward_module(&self, x: &tch::Tensor, _: bool) -> Option<$crate::Result<tch::Tensor>> {
                Some(self.try_forward(x))
            }
            fn per_example(&self) -> bool {
                true
            }
            fn multiply_adds(&self, output: &[illia_shape::Axis]) -> Option<$crate::module::Count> {
                let places = $crate::pass::LinearMap::places(self, output)?;
                Some(places.times(&$crate::module::Count::of(self.weight.mu().numel())))
            }
            fn in_graph(
                &self,
                inputs: &[&$crate::graph::Value],
            ) -> Option<$crate::Result<Vec<$crate::graph::Value>>> {
                Some($crate::nn::graph::one_to_one(inputs, |x| self.written(x)))
            }
        }

        impl<$($generics)*> tch::nn::Module for $layer {
            /// # Panics
            /// With the layer, the expected and the given shape, where `try_forward` is an error.
            fn forward(&self, x: &tch::Tensor) -> tch::Tensor {
                self.try_forward(x).unwrap_or_else(|error| $crate::error::fail(error))
            }
        }
    };
}
use weight_and_bias_layer;
