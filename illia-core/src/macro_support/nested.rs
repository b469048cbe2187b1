//! Nets and modules that stand in a net. What it asks of such a type it asks here, in one constant for each: a type that is none is then one
//! error, however often the net needs it.

use std::fmt::{Debug, Formatter};

use illia_shape::Shape;
use tch::Tensor;
use tch::nn::{ModuleT, Path};

use crate::error::{Result, caught};
use crate::module::{BayesianModule, Defaults, Net, Visitor, VisitorMut};

/// How a type is shown by `{:?}`.
pub type DebugOf<M> = fn(&M, &mut Formatter<'_>) -> std::fmt::Result;

/// The type of a module written by hand, by what the net calls that it stands in.
pub struct ModuleOf<M> {
    /// Its forward, in training mode or not.
    pub forward: fn(&M, &Tensor, bool) -> Tensor,
    /// Shows it by `{:?}`.
    pub debug: DebugOf<M>,
    /// The module as one of any kind.
    pub as_module: fn(&M) -> &dyn BayesianModule,
    /// Shows it to a visitor under a name.
    pub show: for<'a> fn(&'a M, &str, &mut Visitor<'a>),
    /// The same, to change it.
    pub show_mut: fn(&mut M, &str, &mut VisitorMut<'_>),
}

/// The table of a module's type.
pub const fn module_of<M: BayesianModule + ModuleT>() -> ModuleOf<M> {
    ModuleOf {
        forward: M::forward_t,
        debug: <M as Debug>::fmt,
        as_module: |module| module,
        show: |module, name, visitor| visitor.module(name, module),
        show_mut: |module, name, visitor| visitor.module(name, module),
    }
}

/// A module that is written by hand, or an error: of its `new`, or of one of the library's layers that stopped at it.
pub fn made<M, R: MadeOf<M>>(new: impl FnOnce() -> R) -> Result<M> {
    caught(new)?.made()
}

/// What the `new` of a module may give.
#[diagnostic::on_unimplemented(
    message = "the `new` of `{M}` gives `{Self}`, but it is to give the module",
    label = "its `new` gives something else",
    note = "write `fn new(path: &nn::Path, ..) -> Self`, or `-> illia::Result<Self>`"
)]
pub trait MadeOf<M> {
    /// The module, or the error.
    fn made(self) -> Result<M>;
}

impl<M> MadeOf<M> for M {
    fn made(self) -> Result<M> {
        Ok(self)
    }
}

impl<M> MadeOf<M> for Result<M> {
    fn made(self) -> Result<M> {
        self
    }
}

/// A net's type, by what the net calls that it stands in.
pub struct NetOf<N> {
    /// All inputs.
    pub inputs: &'static [(&'static str, Shape)],
    /// All outputs.
    pub outputs: &'static [(&'static str, Shape)],
    /// Whether it is made with any arguments.
    pub takes_arguments: bool,
    /// That its own checks hold.
    pub checked: (),
    /// Makes one without arguments.
    pub make: fn(&Path<'_>, &Defaults) -> Result<N>,
    /// Its only input to its only output.
    pub forward: fn(&N, &Tensor, bool) -> Result<Tensor>,
    /// All inputs to all outputs.
    pub forward_all: fn(&N, &[&Tensor], bool) -> Result<Vec<Tensor>>,
    /// Shows it by `{:?}`.
    pub debug: DebugOf<N>,
    /// The net as a module of any kind.
    pub as_module: fn(&N) -> &dyn BayesianModule,
    /// Shows it to a visitor under a name.
    pub show: for<'a> fn(&'a N, &str, &mut Visitor<'a>),
    /// The same, to change it.
    pub show_mut: fn(&mut N, &str, &mut VisitorMut<'_>),
}

/// The table of a net's type.
pub const fn net_of<N: Net>() -> NetOf<N> {
    NetOf {
        inputs: N::INPUTS,
        outputs: N::OUTPUTS,
        takes_arguments: N::TAKES_ARGUMENTS,
        checked: N::CHECKED,
        make: N::make_without,
        forward: N::try_forward_t,
        forward_all: N::try_forward_all,
        debug: <N as Debug>::fmt,
        as_module: |net| net,
        show: |net, name, visitor| visitor.module(name, net),
        show_mut: |net, name, visitor| visitor.module(name, net),
    }
}
