//! A net as a file that other run times execute: ONNX, by writing its steps down ([`graph`]), and TorchScript, by tracing.
//!
//! A net of `bnn!` has its graph written by the macro. A module of one's own implements [`Exported`] and says so to the attribute,
//! `#[bayesian(export)]`; then it also stands in a net that is exported.

#[cfg(feature = "onnx")]
mod draws;
#[cfg(feature = "onnx")]
mod metadata;
#[cfg(feature = "onnx")]
mod model;
#[cfg(feature = "onnx")]
mod onnx;
mod script;
#[cfg(feature = "onnx")]
mod weights;

#[cfg(feature = "onnx")]
pub use onnx::onnx;
pub use script::torchscript;

pub use crate::graph::{Ports, Value};

use crate::error::Result;
use crate::graph;
use crate::module::{BayesianModule, Net};
use crate::pass::Draws;

/// Which weights a file holds, and what it gives.
///
/// What is frozen is exported as it is held, whichever is chosen.
#[derive(Debug)]
#[cfg_attr(not(feature = "onnx"), allow(dead_code))]
pub struct Export {
    pub(crate) what: What,
    pub(crate) classes: bool,
    pub(crate) metadata: Vec<(String, String)>,
}

#[derive(Debug)]
#[cfg_attr(not(feature = "onnx"), allow(dead_code))]
pub(crate) enum What {
    Mean,
    Draws(usize),
    Given(Draws),
    Moments,
}

impl Export {
    fn of(what: What) -> Export {
        Export { what, classes: false, metadata: Vec::new() }
    }

    /// The posterior's mean: a plain net, whose outputs are those of [`freeze_at_mean`](BayesianModule::freeze_at_mean).
    pub fn mean() -> Export {
        Export::of(What::Mean)
    }

    /// `draws` draws, those that [`Predict`](crate::Predict) would make next: outputs `draws` `[draws, batch, ..]`, `mean` and `std` as
    /// [`Prediction`](crate::Prediction) has them, and of class probabilities `mutual_information` `[batch, ..]`.
    pub fn draws(draws: usize) -> Export {
        Export::of(What::Draws(draws))
    }

    /// The same of draws that a method gave.
    pub fn given(draws: Draws) -> Export {
        Export::of(What::Given(draws))
    }

    /// Mean and variance through the net in one pass without a draw ([`moments`](crate::infer::moments)): outputs `mean` and `std`. Steps
    /// that have no closed form are an error.
    pub fn moments() -> Export {
        Export::of(What::Moments)
    }

    /// Says that the outputs are logits of classes along their last axis, so that draws have a mutual information. A net that ends in
    /// `softmax` or `log_softmax` along it says so itself.
    #[must_use]
    pub fn classes(mut self) -> Export {
        self.classes = true;
        self
    }

    /// An entry of your own in the file's metadata: what a reader has to know besides, such as above which doubt an answer is refused.
    /// Keys that begin with `illia.` are the library's.
    #[must_use]
    pub fn metadata(mut self, key: &str, value: impl std::fmt::Display) -> Export {
        self.metadata.push((key.to_owned(), value.to_string()));
        self
    }
}

/// What can be written as a graph: every net of `bnn!`, and a module of one's own that implements this and carries
/// `#[bayesian(export)]`.
///
/// ```
/// use illia_core::export::{self, Exported, Ports, Value};
/// use illia_core::graph::ops;
/// use illia_core::nn::Linear;
/// use illia_core::{Axis, BayesianModule, Result, Shape, Visitor, VisitorMut};
///
/// struct Twice(Linear);
///
/// impl BayesianModule for Twice {
///     fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
///         visitor.module("0", &self.0);
///     }
///     fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
///         visitor.module("0", &mut self.0);
///     }
///     // What `#[bayesian(export)]` writes.
///     fn in_graph(&self, inputs: &[&Value]) -> Option<Result<Vec<Value>>> {
///         Some(self.write(inputs))
///     }
/// }
///
/// impl Exported for Twice {
///     fn ports(&self) -> Ports {
///         let four = Shape::new(&[Axis::Fixed(4)]);
///         Ports { inputs: vec![("x".into(), four)], outputs: vec![("y".into(), four)] }
///     }
///     fn write(&self, inputs: &[&Value]) -> Result<Vec<Value>> {
///         let once = ops::relu(&export::one(&self.0, inputs)?)?;
///         Ok(vec![export::one(&self.0, &[&once])?])
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how it is written as a graph",
    label = "not a net of `bnn!`",
    note = "`impl illia::export::Exported for {Self}`, and put `#[bayesian(export)]` on its definition"
)]
pub trait Exported: BayesianModule {
    /// Names and shapes of its inputs and outputs.
    fn ports(&self) -> Ports;

    /// Its forward in evaluation mode, from its inputs to all of its outputs: layers by [`one`], the rest by
    /// [`graph::ops`].
    ///
    /// # Errors
    /// What they return.
    fn write(&self, inputs: &[&Value]) -> Result<Vec<Value>>;
}

impl<N: Net> Exported for N {
    fn ports(&self) -> Ports {
        Net::ports(self)
    }

    fn write(&self, inputs: &[&Value]) -> Result<Vec<Value>> {
        all(self, inputs)
    }
}

/// The one output of a module of one output, whose inputs are given in the order of its forward.
///
/// # Errors
/// [`Error::Unfit`](crate::Error::Unfit) if the module has no form in a graph; what its rule returns.
pub fn one<M: BayesianModule + ?Sized>(module: &M, inputs: &[&Value]) -> Result<Value> {
    let mut outputs = all(module, inputs)?.into_iter();
    match (outputs.next(), outputs.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(graph::refused("Module", "has several outputs, or none")),
    }
}

/// All outputs of a module.
///
/// # Errors
/// As [`one`].
pub fn all<M: BayesianModule + ?Sized>(module: &M, inputs: &[&Value]) -> Result<Vec<Value>> {
    module.in_graph(inputs).unwrap_or_else(|| {
        Err(graph::refused(
            "Module",
            &format!(
                "{} has no form in a graph: only what implements `in_graph` has",
                graph::short_name::<M>()
            ),
        ))
    })
}
