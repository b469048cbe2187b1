//! The one traversal of a module's random parameters, and what is written over it.

mod as_prior;
mod collections;
mod count;
mod fix;
#[cfg(feature = "plot")]
mod layout;
mod moped;
mod net;
mod net_graph;
mod prune;
mod structure;
mod visit;

pub use as_prior::{posterior_as_prior, posterior_from_prior};
#[doc(hidden)]
pub use count::Count;
pub(crate) use count::MEMORY;
pub use fix::{fix, unfix};
pub use moped::{moped, moped_from};
pub use net::{Arguments, Configured, Defaults, Net, NoArguments};
pub use net_graph::NetGraph;
pub use prune::{Pruning, prune, restore_pruning};
pub(crate) use structure::grouped;
#[doc(hidden)]
pub use structure::{Row, Structure};
pub use visit::{Visitor, VisitorMut};

use illia_shape::Axis;
use tch::{Kind, Tensor};

use crate::error::Result;
use crate::graph::Value;
use crate::parameter::RandomParameter;

/// KL(posterior ‖ prior) of a module.
#[derive(Debug)]
pub struct KlCost {
    /// The KL in nats, summed over every random parameter: a scalar in the autograd graph.
    pub nats: Tensor,
    /// The number of random parameters, each counted once.
    pub num_params: usize,
}

impl KlCost {
    /// Nats per random parameter: what the Python library's KL loss means to give.
    pub fn per_param(&self) -> Tensor {
        &self.nats / (self.num_params.max(1) as f64)
    }
}

/// A module with random parameters: a layer, a net, or a structure of them.
///
/// `#[bayesian]` and `bnn!` write both traversals; everything else is written over them.
///
/// ```
/// use illia_core::BayesianModule;
/// use illia_core::nn::Linear;
/// use tch::{Device, Kind, Tensor, nn::Module, nn::VarStore};
///
/// let vs = VarStore::new(Device::Cpu);
/// let mut layer = Linear::new(vs.root() / "fc", 3, 1, Default::default());
/// assert_eq!(layer.kl_cost().num_params, 4);
/// layer.freeze(); // one draw of the weights, until `unfreeze`
/// let x = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
/// assert_eq!(layer.forward(&x), layer.forward(&x));
/// assert!(layer.is_frozen());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module",
    label = "this field's type, `{Self}`, has neither random parameters nor plain weights",
    note = "make it one with `#[bayesian]` on its definition, or leave the field out of the model with `#[bayesian(skip)]`"
)]
pub trait BayesianModule {
    /// Shows each random parameter and each child to the visitor, once, in the order of the fields.
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>);

    /// The same, to change them.
    fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>);

    /// The module's forward in its fallible form, `[batch, ..]` to `[batch, ..]`, where it has one: the library's own layers
    /// and the nets of `bnn!` do. Training and prediction then call this rather than
    /// [`ModuleT::forward_t`](tch::nn::ModuleT::forward_t), so that an error comes back without unwinding.
    fn try_forward_module(&self, _x: &Tensor, _train: bool) -> Option<Result<Tensor>> {
        None
    }

    /// Whether the forward treats each example of a batch by itself, so that a prediction may give it the examples in parts
    /// and those of several draws at once. The library's own layers do, and the nets of `bnn!` unless they hold a function or
    /// a module of the user's that doesn't say so.
    fn per_example(&self) -> bool {
        false
    }

    /// The module's forward in evaluation mode written down as nodes of a graph, from its inputs in the order of the forward
    /// to all of its outputs: what [`export`](crate::export) puts into a file. None where it has no such form.
    fn in_graph(&self, _inputs: &[&Value]) -> Option<Result<Vec<Value>>> {
        None
    }

    /// The lines and steps of a net of `bnn!`.
    #[doc(hidden)]
    fn structure(&self) -> Option<Structure> {
        None
    }

    /// How many products of two numbers a forward of one example adds up, where it gives an output of these axes; for the layers that
    /// know it, and nets of them. What goes element by element counts nothing.
    #[doc(hidden)]
    fn multiply_adds(&self, output: &[Axis]) -> Option<Count> {
        self.structure()?.multiply_adds(output)
    }

    /// The net to be looked at: its layers with their output shapes and parameters, and what flows between them; for Graphviz or as a
    /// picture. A module that was not declared with `bnn!` is one box.
    fn graph(&self) -> NetGraph
    where
        Self: Sized,
    {
        NetGraph::of(crate::graph::short_name::<Self>(), self)
    }

    /// Shows the module to a visitor as `name`.
    #[doc(hidden)]
    fn show<'a>(&'a self, name: &str, visitor: &mut Visitor<'a>)
    where
        Self: Sized,
    {
        visitor.module(name, self);
    }

    /// The same, to change it.
    #[doc(hidden)]
    fn show_mut(&mut self, name: &str, visitor: &mut VisitorMut<'_>)
    where
        Self: Sized,
    {
        visitor.module(name, self);
    }

    /// The module as one of any kind.
    #[doc(hidden)]
    fn as_module(&self) -> &dyn BayesianModule
    where
        Self: Sized,
    {
        self
    }

    /// Each random parameter and each plain weight of the library's own layers, in the order of the traversal.
    fn parameters(&self) -> Vec<&RandomParameter> {
        let mut visitor = Visitor::unnamed();
        self.visit(&mut visitor);
        visitor.into_parameters()
    }

    /// The same with their dotted names (`left.fc.weight`).
    fn named_parameters(&self) -> Vec<(String, &RandomParameter)> {
        let mut visitor = Visitor::new();
        self.visit(&mut visitor);
        visitor.into_named()
    }

    /// The same one by one, to change them.
    fn each_parameter_mut(&mut self, change: &mut dyn FnMut(&str, &mut RandomParameter)) {
        self.visit_mut(&mut VisitorMut::new(change));
    }

    /// Holds one draw of every random parameter, without gradient, until [`unfreeze`](Self::unfreeze):
    /// the latest forward's, or a new one where there was none.
    fn freeze(&mut self) {
        self.each_parameter_mut(&mut |_, parameter| parameter.freeze());
    }

    /// Holds the posterior's mean as the draw of every random parameter, without gradient, until
    /// [`unfreeze`](Self::unfreeze): one forward pass, nothing random.
    fn freeze_at_mean(&mut self) {
        self.each_parameter_mut(&mut |_, parameter| parameter.freeze_at_mean());
    }

    /// Lets every held draw go.
    fn unfreeze(&mut self) {
        self.each_parameter_mut(&mut |_, parameter| parameter.unfreeze());
    }

    /// Whether all of the module is frozen; false if it has no random parameter.
    fn is_frozen(&self) -> bool {
        let parameters = self.parameters();
        let mut random = parameters.iter().filter(|parameter| parameter.is_random()).peekable();
        random.peek().is_some() && random.all(|parameter| parameter.is_frozen())
    }

    /// KL(posterior ‖ prior) over every random parameter once: exact where there is a closed form
    /// ([`RandomParameter::kl`]).
    fn kl_cost(&self) -> KlCost {
        sum_over(&self.parameters(), RandomParameter::kl)
    }

    /// The Monte Carlo estimate log q(w) - log p(w) at the draw in use
    /// ([`RandomParameter::kl_monte_carlo`]).
    fn kl_cost_monte_carlo(&self) -> KlCost {
        sum_over(&self.parameters(), RandomParameter::kl_monte_carlo)
    }
}

/// The KL as a step of training sees it: what is frozen costs what it costs, but is not moved.
pub(crate) fn kl_in_training(parameter: &RandomParameter) -> Tensor {
    let kl = parameter.kl();
    if parameter.is_frozen() { kl.detach() } else { kl }
}

/// The sum of `kl` over the random parameters.
pub(crate) fn sum_over(parameters: &[&RandomParameter], kl: impl Fn(&RandomParameter) -> Tensor) -> KlCost {
    let random = || parameters.iter().filter(|parameter| parameter.is_random());
    let nats = random().map(|parameter| kl(parameter)).reduce(|sum, cost| sum + cost);
    let nats = nats.unwrap_or_else(|| Tensor::from(0f32).to_kind(Kind::Float));
    KlCost { nats, num_params: random().map(|parameter| parameter.num_params()).sum() }
}
