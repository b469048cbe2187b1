//! What every net declared with `bnn!` is: a module with a signature.

use std::fmt::Debug;

use illia_shape::{Shape, port};
use tch::Tensor;
use tch::nn::Path;

use crate::error::{Error, Result};
use crate::graph::Ports;
use crate::module::{BayesianModule, Visitor, VisitorMut};
use crate::parameter::{Estimator, Posterior, Prior};

/// What layers get that say nothing of their own: a net's defaults, put on those of the net in which it stands.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    prior: Option<Prior>,
    posterior: Option<Posterior>,
    estimator: Option<Estimator>,
    plain: bool,
    /// Whether layers come behind.
    inner: bool,
}

impl Defaults {
    /// The same with another prior.
    #[must_use]
    pub fn with_prior(self, prior: Prior) -> Self {
        Defaults { prior: Some(prior), ..self }
    }

    /// The same with another posterior.
    #[must_use]
    pub fn with_posterior(self, posterior: Posterior) -> Self {
        Defaults { posterior: Some(posterior), ..self }
    }

    /// The same with another estimator.
    #[must_use]
    pub fn with_estimator(self, estimator: Estimator) -> Self {
        Defaults { estimator: Some(estimator), ..self }
    }

    /// The same for plain weights: the deterministic twin, whatever posterior a layer states.
    #[must_use]
    pub fn deterministic(&self) -> Self {
        Defaults { plain: true, ..self.clone() }
    }

    /// The same for what layers come behind.
    #[must_use]
    pub fn inner(&self) -> Self {
        Defaults { inner: true, ..self.clone() }
    }

    /// The prior of a layer that states none.
    pub fn prior(&self) -> Prior {
        self.prior.unwrap_or_default()
    }

    /// The posterior of a layer that states none.
    pub fn posterior(&self) -> Posterior {
        self.of(self.posterior.unwrap_or_default())
    }

    /// The posterior of a [`Linear`](crate::nn::Linear) that states none: with a covariance where it comes last and nobody chose one.
    pub fn linear_posterior(&self) -> Posterior {
        let last = !self.inner && self.posterior.is_none_or(|posterior| posterior.is_automatic());
        if last { self.of(Posterior::AutomaticLast) } else { self.posterior() }
    }

    /// The estimator of a layer that states none.
    pub fn estimator(&self) -> Estimator {
        self.estimator.unwrap_or_default()
    }

    /// The posterior of a layer that states this one: plain in a deterministic twin.
    pub fn of(&self, posterior: Posterior) -> Posterior {
        if self.plain { posterior.into_plain() } else { posterior }
    }
}

/// What a net is made with: a struct that `bnn!` writes, a field for each argument.
pub trait Arguments: Clone + Debug {
    /// Whether there is anything to say.
    const ANY: bool = true;

    /// The arguments of a net that has none.
    fn none() -> Option<Self> {
        None
    }
}

/// A net's arguments where it has none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoArguments {}

impl Arguments for NoArguments {
    const ANY: bool = false;

    fn none() -> Option<Self> {
        Some(NoArguments {})
    }
}

/// A module of one's own whose settings go by name in a `bnn!` block: `attend: my::Attention(4, dropout: 0.1): ..` calls
/// `my::Attention::new(path, 4, Config { dropout: 0.1, ..Default::default() })`, as the library's own layers have it.
///
/// ```
/// use illia_core::module::Configured;
///
/// #[derive(Default)]
/// struct BandConfig {
///     low: f64,
///     high: f64,
/// }
///
/// struct Band(BandConfig);
///
/// impl Configured for Band {
///     type Config = BandConfig;
/// }
///
/// impl Band {
///     fn new(_: &tch::nn::Path, config: BandConfig) -> Band {
///         Band(config)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no settings by name",
    label = "its arguments go without names, in the order of its `new`",
    note = "or tie a struct of settings to it, the last argument of its `new`: `impl illia::Configured for {Self} {{ type Config = ..; }}`"
)]
pub trait Configured {
    /// The settings, a field for each.
    type Config: Default;
}

/// A net with a signature: what `bnn!` writes, and what it needs of a net that stands in another one.
///
/// A net's own methods (`new`, `forward`, …) call these; import the trait to be generic over nets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a net, so its shapes are not known",
    label = "no signature",
    note = "declare `{Self}` with `bnn!`, or write its signature behind it: `name: {Self}: [in] -> [out]`"
)]
pub trait Net: BayesianModule + Debug + Send + Sized {
    /// What is known only when the net is made, a field for each by its name; [`NoArguments`] if there is nothing.
    type Arguments: Arguments;
    /// The shape of one example of the first input, without the batch. A size that is known only when the net is made goes by
    /// its name.
    const INPUT: Shape;
    /// The shape of what comes out first for one example.
    const OUTPUT: Shape;
    /// All inputs, with their names; an only input may have none.
    const INPUTS: &'static [(&'static str, Shape)] = &[("", Self::INPUT)];
    /// All outputs, with their names; an only output may have none.
    const OUTPUTS: &'static [(&'static str, Shape)] = &[("", Self::OUTPUT)];
    /// Is evaluated once for each choice of const parameters: the checks that need their values.
    #[doc(hidden)]
    const CHECKED: () = ();

    /// The shape of an input of a net that is made with these arguments.
    #[doc(hidden)]
    fn input(_arguments: &Self::Arguments, which: usize) -> Shape {
        port(Self::INPUTS, which)
    }

    /// The shape of an output of a net that is made with these arguments.
    #[doc(hidden)]
    fn output(_arguments: &Self::Arguments, which: usize) -> Shape {
        port(Self::OUTPUTS, which)
    }

    /// Its inputs and outputs, each size that is known filled in.
    #[doc(hidden)]
    fn ports(&self) -> Ports {
        let named = |ports: &[(&str, Shape)]| {
            ports.iter().map(|(name, shape)| ((*name).to_owned(), *shape)).collect()
        };
        Ports { inputs: named(Self::INPUTS), outputs: named(Self::OUTPUTS) }
    }

    /// Whether a net can be made with these arguments: its sizes fit, its numbers lie in their ranges.
    ///
    /// # Errors
    /// [`Error::Unfit`], with the layer and a sentence.
    fn check(_arguments: &Self::Arguments) -> Result<()> {
        Ok(())
    }

    /// Whether it is made with any arguments.
    #[doc(hidden)]
    const TAKES_ARGUMENTS: bool = <Self::Arguments as Arguments>::ANY;

    /// A net that takes no arguments, when all is checked.
    #[doc(hidden)]
    fn make_without(p: &Path<'_>, given: &Defaults) -> Result<Self> {
        let arguments = Self::Arguments::none().ok_or_else(|| Error::Unfit {
            layer: "Net".to_owned(),
            problem: "is made with arguments".to_owned(),
        })?;
        Self::make(p, given, arguments)
    }

    /// What [`try_with`](Self::try_with) does when all is checked.
    #[doc(hidden)]
    fn make(p: &Path<'_>, given: &Defaults, arguments: Self::Arguments) -> Result<Self>;

    /// A new net at `p`. Layers that say nothing of their own get the net's defaults, and where it has none, `given`.
    ///
    /// # Errors
    /// [`Error::Unfit`] for sizes that do not fit and numbers outside of their ranges; nothing is added to `p` then. The same for what a
    /// module written by hand refuses.
    fn try_with(p: &Path<'_>, given: &Defaults, arguments: Self::Arguments) -> Result<Self> {
        Self::check(&arguments)?;
        Self::make(p, given, arguments)
    }

    /// The only input `[batch, INPUT..]` to the only output `[batch, OUTPUT..]`; dropout and batch norms are in training mode
    /// if `train`.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape; what the layers return, with their names; [`Error::Unfit`] for a net of several
    /// inputs or outputs.
    fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let wrong = || Error::Unfit {
            layer: "Net".to_owned(),
            problem: format!("{} inputs and {} outputs, not one", Self::INPUTS.len(), Self::OUTPUTS.len()),
        };
        // What is written for several inputs calls `try_forward_all`, which would call this.
        if Self::INPUTS.len() != 1 || Self::OUTPUTS.len() != 1 {
            return Err(wrong());
        }
        self.try_forward_all(&[x], train)?.pop().ok_or_else(wrong)
    }

    /// All inputs, in order, to all outputs.
    ///
    /// # Errors
    /// As [`try_forward_t`](Self::try_forward_t); [`Error::Unfit`] for another number of inputs.
    fn try_forward_all(&self, inputs: &[&Tensor], train: bool) -> Result<Vec<Tensor>> {
        match inputs {
            [x] => Ok(vec![self.try_forward_t(x, train)?]),
            _ => Err(Error::Unfit {
                layer: "Net".to_owned(),
                problem: format!("takes one input, got {}", inputs.len()),
            }),
        }
    }

    /// The net as a module of any kind.
    #[doc(hidden)]
    fn as_module(&self) -> &dyn BayesianModule {
        self
    }

    /// Shows the net to a visitor as `name`.
    #[doc(hidden)]
    fn show<'a>(&'a self, name: &str, visitor: &mut Visitor<'a>) {
        visitor.module(name, self);
    }

    /// The same, to change it.
    #[doc(hidden)]
    fn show_mut(&mut self, name: &str, visitor: &mut VisitorMut<'_>) {
        visitor.module(name, self);
    }
}
