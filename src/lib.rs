//! Bayesian neural networks on libtorch, checked at compile time.
//!
//! [`bnn!`] declares a net, [`#[bayesian]`](macro@bayesian) makes a module of a struct; [`language`] is their reference. [`Fit`] trains,
//! [`Predict`] asks, [`Calibration`] checks; [`infer`] has other ways to a posterior, [`checkpoint`] and [`export`] write files. A block
//! chooses a [`Prior`], a [`Posterior`] and an [`Estimator`]; a [`Density`], [`Family`], [`Likelihood`](likelihood::Likelihood),
//! [`Optimiser`], [`Schedule`] or [`Dataset`](data::Dataset) of your own stands in their places.

#![deny(missing_docs)]

extern crate self as illia;

pub use illia_core::*;
/// Makes a module of a struct or an enum: every field is one, or is skipped.
///
/// ```
/// use illia::prelude::*;
///
/// #[bayesian]
/// struct Gated {
///     gate: illia::nn::Linear,
///     value: nn::Linear,
///     #[bayesian(skip)]
///     temperature: f64,
/// }
///
/// impl Gated {
///     fn forward(&self, x: &Tensor) -> Tensor {
///         (self.gate.forward(x) / self.temperature).sigmoid() * self.value.forward(x)
///     }
/// }
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let mut net = Gated {
///     gate: illia::nn::Linear::new(vs.root() / "gate", 4, 2, Default::default()),
///     value: nn::linear(vs.root() / "value", 4, 2, Default::default()),
///     temperature: 2.0,
/// };
/// assert_eq!(net.kl_cost().num_params, 4 * 2 + 2);
/// net.freeze();
/// let x = Tensor::ones([3, 4], (Kind::Float, Device::Cpu));
/// assert_eq!(net.forward(&x), net.forward(&x));
/// ```
///
/// [`language::modules`] has the rules, and how such a struct stands in a [`bnn!`].
pub use illia_macros::bayesian;
/// Declares a Bayesian net: a struct with a signature, whose shapes the compiler checks.
///
/// ```
/// use illia::prelude::*;
///
/// bnn! {
///     /// Digits to classes.
///     struct Net: [1, 28, 28] -> [10] {
///         conv: Conv2d(8, kernel: 3) -> relu -> max_pool(2),
///         flatten,
///         head: Linear(10),
///     }
/// }
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let net = Net::new(&vs.root());
/// let x = Tensor::zeros([5, 1, 28, 28], (Kind::Float, Device::Cpu));
/// assert_eq!(net.forward(&x).size(), [5, 10]);
/// println!("{net}");
/// ```
///
/// [`language`] has the rules: [a chain](language::chain), [sizes](language::sizes), [values](language::values),
/// [blocks](language::blocks), and what is for [sequences](language::sequences), [images](language::images) and
/// [graphs](language::graphs).
pub use illia_macros::bnn;
pub use tch;

#[doc(hidden)]
pub use illia_core::__private;

#[cfg(doctest)]
mod book;

pub mod language;

/// What a program needs: the macros, the traits, the layers' and distributions' names, and tch's.
pub mod prelude {
    pub use illia_core::likelihood::{self, Bernoulli, Categorical, Likelihood, Poisson};
    pub use illia_core::{BayesianModule, Elbo, Error, Estimator, Fit, KlCost, KlSchedule};
    pub use illia_core::{Posterior, Predict, Prediction, Prior};
    pub use illia_macros::{bayesian, bnn};
    pub use tch::nn::{Module, ModuleT, OptimizerConfig};
    pub use tch::{Device, IndexOp, Kind, Tensor, nn};
}
