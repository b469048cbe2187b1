//! Families of posteriors: the variables that a parameter's posterior has, and what follows from them. One file each.

mod dropout;
mod gaussian_dropout;
#[cfg(test)]
mod in_training;
mod lora;
mod mean_field;
mod point;

pub(crate) use dropout::Dropout;
pub(crate) use gaussian_dropout::{FACTORS_PACE, GaussianDropout, INPUT_RHO};
pub(crate) use lora::{FACTORS, Factors, Lora};
pub(crate) use mean_field::{AXES, MeanField};
pub(crate) use point::Point;

use std::cell::Cell;
use std::fmt::Debug;

use tch::nn::Init;
use tch::{Device, Kind, Tensor};

use super::initial::initial;
use crate::error::Result;
use crate::noise::{Key, Stream};

/// A family of posteriors over one random parameter: what one of your own implements.
///
/// [`Posterior::from`](crate::Posterior) takes one, and so does `posterior: (my::LowRank { rank: 2 })` in a `bnn!` block. What is
/// not provided is enough: the gradients of its variables come by autograd through [`draw`](Self::draw), and its KL, where it has
/// no closed form, from [`log_density`](Self::log_density) at the draw in use. `examples/own.rs` has a Gaussian of low rank plus
/// diagonal.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no posterior",
    label = "neither a `Posterior` nor a `Family`",
    note = "a posterior is a family by name, `Gaussian(rho: -4.0)`, an expression of type `Posterior`, or a type of yours that implements `Family`"
)]
pub trait Family: Debug + Send + Sync {
    /// The family's name and whatever of its settings a file has to agree with: `Dropout(0.1)`.
    fn name(&self) -> String;

    /// Checks that every setting lies where the family is defined.
    ///
    /// # Errors
    /// [`Error::Configuration`](crate::Error::Configuration) names the first that does not.
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// The variables with where they start. The first is the location, `mu`, in the parameter's shape.
    fn start(&self, start: &Start<'_>) -> Vec<(&'static str, Tensor)>;

    /// The draw that `key` stands for, in the parameter's shape and in the variables' graph: the same for the same key.
    fn draw(&self, variables: &Variables, key: Key) -> Tensor;

    /// The mean of the draws; mu where a family does not say otherwise.
    fn mean(&self, variables: &Variables) -> Tensor {
        variables.mu().shallow_clone()
    }

    /// Mean and standard deviation of each element, in the variables' graph, where the elements are independent normals:
    /// what estimators that draw outputs go by.
    fn moments(&self, _variables: &Variables) -> Option<(Tensor, Tensor)> {
        None
    }

    /// log q(w) of a whole draw in nats, a scalar in the variables' graph, where the family has a density.
    fn log_density(&self, _variables: &Variables, _w: &Tensor) -> Option<Tensor> {
        None
    }

    /// KL(posterior ‖ prior) in nats, a scalar in the variables' graph, where it has a closed form under this prior.
    fn kl(&self, _variables: &Variables, _prior: &PriorOf<'_>) -> Option<Tensor> {
        None
    }

    /// Whether two draws differ.
    fn is_spread(&self) -> bool {
        true
    }

    /// The variables that are loaded, not trained.
    fn fixed(&self) -> &'static [&'static str] {
        &[]
    }

    /// How many numbers a parameter of this family has; all of its own, and random, where a family does not say otherwise.
    fn counts(&self, variables: &Variables) -> Counts {
        Counts { random: variables.mu().numel(), plain: 0 }
    }
}

/// The numbers of a parameter: what the KL is summed over, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Those that have a prior and a posterior.
    pub random: usize,
    /// Those that are one value each.
    pub plain: usize,
}

impl Family for &'static dyn Family {
    fn name(&self) -> String {
        (**self).name()
    }
    fn validate(&self) -> Result<()> {
        (**self).validate()
    }
    fn start(&self, start: &Start<'_>) -> Vec<(&'static str, Tensor)> {
        (**self).start(start)
    }
    fn draw(&self, variables: &Variables, key: Key) -> Tensor {
        (**self).draw(variables, key)
    }
    fn mean(&self, variables: &Variables) -> Tensor {
        (**self).mean(variables)
    }
    fn moments(&self, variables: &Variables) -> Option<(Tensor, Tensor)> {
        (**self).moments(variables)
    }
    fn log_density(&self, variables: &Variables, w: &Tensor) -> Option<Tensor> {
        (**self).log_density(variables, w)
    }
    fn kl(&self, variables: &Variables, prior: &PriorOf<'_>) -> Option<Tensor> {
        (**self).kl(variables, prior)
    }
    fn is_spread(&self) -> bool {
        (**self).is_spread()
    }
    fn fixed(&self) -> &'static [&'static str] {
        (**self).fixed()
    }
    fn counts(&self, variables: &Variables) -> Counts {
        (**self).counts(variables)
    }
}

/// What a family starts from.
#[derive(Debug)]
pub struct Start<'a> {
    /// The parameter's shape.
    pub shape: &'a [i64],
    /// The number of inputs of one output unit; initialisations scale with it.
    pub fan_in: i64,
    /// The variables' kind.
    pub kind: Kind,
    /// The variables' device.
    pub device: Device,
    pub(crate) input_units: InputUnits,
    pub(crate) stream: &'a Stream,
}

impl Start<'_> {
    /// A tensor of the parameter's shape, filled by `init` from keyed noise.
    pub fn initial(&self, init: Init) -> Tensor {
        self.initial_of(init, self.shape)
    }

    /// The same of another shape.
    pub fn initial_of(&self, init: Init, shape: &[i64]) -> Tensor {
        initial(init, shape, self.fan_in, self.stream.next_key(), self.kind, self.device)
    }
}

/// A posterior's variables by name, mu first, and how its parameter's elements are grouped.
#[derive(Debug)]
pub struct Variables {
    pub(crate) all: Vec<(&'static str, Tensor)>,
    pub(crate) input_units: InputUnits,
    /// The version of the axes that was looked at last, and whether those were other than the elements' own.
    turned: Cell<(Option<i64>, bool)>,
}

impl Variables {
    pub(crate) fn new(all: Vec<(&'static str, Tensor)>, input_units: InputUnits) -> Self {
        Variables { all, input_units, turned: Cell::new((None, false)) }
    }

    /// The location, in the parameter's shape.
    pub fn mu(&self) -> &Tensor {
        // A parameter is made with at least one variable.
        #[allow(clippy::indexing_slicing)]
        &self.all[0].1
    }

    /// The variable of this name, if the family has one.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.all.iter().find(|(n, _)| *n == name).map(|(_, tensor)| tensor)
    }

    /// Where the input units are, which dropout drops: one number for each of them, in a shape that mu can be multiplied with.
    pub fn of_input_units(&self, numbers: impl FnOnce(&[i64]) -> Tensor) -> Tensor {
        self.input_units.of(&self.mu().size(), numbers)
    }
}

/// Where a weight's input units are: the columns of a Linear, the input channels of a convolution, an embedding's tokens or places.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InputUnits {
    /// The axis along which they stand within a group.
    pub axis: usize,
    /// Into how many groups the first axis is split, each of which has input units of its own.
    pub groups: i64,
}

impl Default for InputUnits {
    /// Along axis 1, in one group.
    fn default() -> Self {
        InputUnits { axis: 1, groups: 1 }
    }
}

impl InputUnits {
    /// The shape of one number for each input unit of a weight of this size, a group after the other.
    pub(crate) fn shape(self, size: &[i64]) -> Vec<i64> {
        let along = |(axis, &n): (usize, &i64)| match axis {
            axis if axis == self.axis => n,
            0 => self.groups,
            _ => 1,
        };
        size.iter().enumerate().map(along).collect()
    }

    /// One number for each input unit of a weight of this size, in a shape that it can be multiplied with.
    fn of(self, size: &[i64], numbers: impl FnOnce(&[i64]) -> Tensor) -> Tensor {
        let numbers = numbers(&self.shape(size));
        match size.first() {
            Some(first) if self.groups > 1 => {
                numbers.repeat_interleave_self_int(first / self.groups, 0, None)
            }
            _ => numbers,
        }
    }
}

/// The prior as a family sees it: with its centre, its learned scale, and without pruned elements.
#[derive(Debug)]
pub struct PriorOf<'a> {
    pub(crate) parameter: &'a super::RandomParameter,
}

impl PriorOf<'_> {
    /// log p(w) of a whole draw in nats: a scalar.
    pub fn log_density(&self, w: &Tensor) -> Tensor {
        self.parameter.log_prior(w).sum(w.kind())
    }

    /// Whether it is a Gaussian of one scale for all elements.
    pub(crate) fn is_gaussian(&self) -> bool {
        self.parameter.gaussian_prior().is_some()
    }

    /// The key of the draw in use, or of a new one.
    pub(crate) fn key(&self) -> Option<Key> {
        self.parameter.latest().or_else(|| self.parameter.next_draw())
    }

    /// KL(N(mean, std²) ‖ prior) in nats, independent elements summed, where it has a closed form.
    pub fn kl_from_gaussian(&self, mean: &Tensor, std: &Tensor) -> Option<Tensor> {
        self.parameter.kl_from_gaussian(mean, std).map(|kl| kl.sum(mean.kind()))
    }
}
