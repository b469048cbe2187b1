//! What every net declared with `bnn!` is: a module with a signature.

use std::fmt::Debug;

use illia_shape::Shape;
use tch::Tensor;
use tch::nn::Path;

use crate::error::Result;
use crate::module::{BayesianModule, Visitor, VisitorMut};
use crate::parameter::Posterior;

/// A net with a signature: what `bnn!` writes, and what it needs of a net that stands in another one.
///
/// A net's own methods (`new`, `forward`, …) call these; import the trait to be generic over nets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a net, so its shapes are not known",
    label = "no signature",
    note = "declare `{Self}` with `bnn!`, or write its signature behind it: `name: {Self}: [in] -> [out]`"
)]
pub trait Net: BayesianModule + Debug + Send + Sized {
    /// The shape of one example, without the batch.
    const INPUT: Shape;
    /// The shape of what comes out for one example.
    const OUTPUT: Shape;
    /// Is evaluated once for each choice of const parameters: the checks that need their values.
    #[doc(hidden)]
    const CHECKED: () = ();

    /// A new net at `p`. Each random layer's posterior is what `posterior` makes of the declared one: itself for `new`,
    /// [`Posterior::into_deterministic`] for the deterministic twin.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration) for a number outside of its range.
    fn try_with(p: &Path<'_>, posterior: &dyn Fn(Posterior) -> Posterior) -> Result<Self>;

    /// `[batch, INPUT..]` to `[batch, OUTPUT..]`; dropout and batch norms are in training mode if `train`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for another shape; what the layers return, with their names.
    fn try_forward_t(&self, x: &Tensor, train: bool) -> Result<Tensor>;

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
