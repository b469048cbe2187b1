//! The one traversal of a module's random parameters, and what is written over it.

mod collections;
mod moped;
mod net;
pub(crate) mod prune;

pub use moped::{moped, moped_from};
pub use net::{Arguments, Defaults, Net, NoArguments};
pub use prune::{Pruning, prune, restore_pruning};

use tch::{Kind, Tensor};

use crate::error::Result;
use crate::parameter::{Opened, Purpose, RandomParameter, Scope};

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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module",
    label = "this field's type, `{Self}`, has neither random parameters nor plain weights",
    note = "make it one with `#[bayesian]` on its definition, or leave the field out of the model with `#[bayesian(skip)]`"
)]
pub trait BayesianModule {
    /// Shows each random parameter and each child to the visitor, once, in the order of the fields.
    fn visit(&self, visitor: &mut Visitor<'_>);

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

    /// Holds one draw of every random parameter, without gradient, until [`unfreeze`](Self::unfreeze):
    /// the latest forward's, or a new one where there was none.
    fn freeze(&mut self) {
        self.visit_mut(&mut VisitorMut::new(&mut |_, parameter| parameter.freeze()));
    }

    /// Holds the posterior's mean as the draw of every random parameter, without gradient, until
    /// [`unfreeze`](Self::unfreeze): one forward pass, nothing random.
    fn freeze_at_mean(&mut self) {
        self.visit_mut(&mut VisitorMut::new(&mut |_, parameter| parameter.freeze_at_mean()));
    }

    /// Lets every held draw go.
    fn unfreeze(&mut self) {
        self.visit_mut(&mut VisitorMut::new(&mut |_, parameter| parameter.unfreeze()));
    }

    /// Whether all of the module is frozen; false if it has no random parameter.
    fn is_frozen(&self) -> bool {
        let (mut random, mut frozen) = (0, 0);
        self.visit(&mut Visitor::new(&mut |_, parameter| {
            random += usize::from(parameter.is_random());
            frozen += usize::from(parameter.is_frozen());
        }));
        random > 0 && frozen == random
    }

    /// KL(posterior ‖ prior) over every random parameter once: exact where there is a closed form
    /// ([`RandomParameter::kl`]).
    fn kl_cost(&self) -> KlCost {
        sum_over(self, RandomParameter::kl)
    }

    /// The Monte Carlo estimate log q(w) - log p(w) at the draw in use
    /// ([`RandomParameter::kl_monte_carlo`]).
    fn kl_cost_monte_carlo(&self) -> KlCost {
        sum_over(self, RandomParameter::kl_monte_carlo)
    }
}

/// Opens one draw for every random parameter and, when dropped, goes back to what was open before: also when a user's
/// forward panics.
pub(crate) struct OneDraw<'a, M: BayesianModule + ?Sized> {
    module: &'a M,
    /// In the order of the traversal.
    before: Vec<Option<Scope>>,
    _opened: Opened,
}

impl<'a, M: BayesianModule + ?Sized> OneDraw<'a, M> {
    /// In training, what the estimators consume are the leaves of the step's graph.
    pub(crate) fn open(module: &'a M, purpose: Purpose) -> Self {
        let mut before = Vec::new();
        module.visit(&mut Visitor::new(&mut |_, parameter| before.push(parameter.open(purpose))));
        OneDraw { module, before, _opened: Opened::one() }
    }

    /// Changes how many draws a prediction's next forward makes.
    pub(crate) fn set_draws(&self, draws: i64) {
        self.module.visit(&mut Visitor::new(&mut |_, parameter| parameter.set_draws(draws)));
    }

    /// Lets the next forward make another draw.
    pub(crate) fn renew(&self) {
        self.module.visit(&mut Visitor::new(&mut |_, parameter| parameter.renew()));
    }

    /// Whether a forward of several draws came by a layer that could not tell them apart.
    pub(crate) fn is_spoiled(&self) -> bool {
        let mut spoiled = false;
        self.module.visit(&mut Visitor::new(&mut |_, parameter| spoiled |= parameter.is_spoiled()));
        spoiled
    }
}

impl<M: BayesianModule + ?Sized> Drop for OneDraw<'_, M> {
    fn drop(&mut self) {
        let mut before = std::mem::take(&mut self.before).into_iter();
        self.module.visit(&mut Visitor::new(&mut |_, parameter| parameter.reopen(before.next().flatten())));
    }
}

/// The KL as a step of training sees it: what is frozen costs what it costs, but is not moved.
pub(crate) fn kl_in_training(parameter: &RandomParameter) -> Tensor {
    let kl = parameter.kl();
    if parameter.is_frozen() { kl.detach() } else { kl }
}

/// The sum of `kl` over the random parameters.
pub(crate) fn sum_over<M: BayesianModule + ?Sized>(
    module: &M,
    kl: impl Fn(&RandomParameter) -> Tensor,
) -> KlCost {
    let mut nats: Option<Tensor> = None;
    let mut num_params = 0;
    module.visit(&mut Visitor::new(&mut |_, parameter| {
        if parameter.is_random() {
            let cost = kl(parameter);
            nats = Some(match nats.take() {
                Some(sum) => sum + cost,
                None => cost,
            });
            num_params += parameter.num_params();
        }
    }));
    let nats = nats.unwrap_or_else(|| Tensor::from(0f32).to_kind(Kind::Float));
    KlCost { nats, num_params }
}

/// What a traversal shows the random parameters to, with their dotted names.
pub struct Visitor<'a> {
    path: String,
    plain_weights: usize,
    on_parameter: &'a mut dyn FnMut(&str, &RandomParameter),
}

/// What a mutable traversal shows the random parameters to, with their dotted names.
pub struct VisitorMut<'a> {
    path: String,
    on_parameter: &'a mut dyn FnMut(&str, &mut RandomParameter),
}

impl<'a> Visitor<'a> {
    /// A visitor that calls `on_parameter` with each parameter's dotted name (`left.fc.weight`).
    pub fn new(on_parameter: &'a mut dyn FnMut(&str, &RandomParameter)) -> Self {
        Visitor { path: String::new(), plain_weights: 0, on_parameter }
    }

    /// Tells of so many weights of a plain layer, one of tch's, say, that are no [`RandomParameter`].
    pub fn plain(&mut self, weights: usize) {
        self.plain_weights += weights;
    }

    /// How many weights [`plain`](Self::plain) told of.
    pub fn plain_weights(&self) -> usize {
        self.plain_weights
    }

    /// Shows a random parameter.
    pub fn parameter(&mut self, name: &str, parameter: &RandomParameter) {
        let parent = enter(&mut self.path, name);
        (self.on_parameter)(&self.path, parameter);
        self.path.truncate(parent);
    }

    /// Shows a child module.
    pub fn module(&mut self, name: &str, module: &dyn BayesianModule) {
        let parent = enter(&mut self.path, name);
        module.visit(self);
        self.path.truncate(parent);
    }
}

impl<'a> VisitorMut<'a> {
    /// A visitor that calls `on_parameter` with each parameter's dotted name (`left.fc.weight`).
    pub fn new(on_parameter: &'a mut dyn FnMut(&str, &mut RandomParameter)) -> Self {
        VisitorMut { path: String::new(), on_parameter }
    }

    /// Shows a random parameter.
    pub fn parameter(&mut self, name: &str, parameter: &mut RandomParameter) {
        let parent = enter(&mut self.path, name);
        (self.on_parameter)(&self.path, parameter);
        self.path.truncate(parent);
    }

    /// Shows a child module.
    pub fn module(&mut self, name: &str, module: &mut dyn BayesianModule) {
        let parent = enter(&mut self.path, name);
        module.visit_mut(self);
        self.path.truncate(parent);
    }
}

/// Appends `name` to the dotted path; returns the length to go back to.
fn enter(path: &mut String, name: &str) -> usize {
    let parent = path.len();
    if parent > 0 {
        path.push('.');
    }
    path.push_str(name);
    parent
}
