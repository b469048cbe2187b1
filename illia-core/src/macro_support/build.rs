//! How a net is put together.

use illia_shape::Shape;
use tch::Tensor;
use tch::nn::{Init, Path};

use crate::error::{Error, Result, Within, fail};
use crate::module::BayesianModule;
use crate::module::{Configured, Defaults, Net};

/// A new net, or the error's sentence and the end.
#[track_caller]
pub fn with<N: Net>(p: &Path<'_>, given: &Defaults, arguments: N::Arguments) -> N {
    N::try_with(p, given, arguments).unwrap_or_else(|error| fail(error))
}

/// What a net is made with, by name: `ArgumentsOf::<Encoder> { features: 32 }`.
pub type ArgumentsOf<N> = <N as Net>::Arguments;

/// What a module written by hand is made with, by name; the rest as its `Default` has it.
pub fn config<M: Configured>(set: impl FnOnce(&mut M::Config)) -> M::Config {
    let mut config = M::Config::default();
    set(&mut config);
    config
}

/// A rule of sizes or numbers that are known only when the net is made.
pub fn demand(layer: &str, holds: bool, problem: std::fmt::Arguments<'_>) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::Unfit { layer: layer.to_owned(), problem: problem.to_string() })
}

/// `count` nets, at `p / 0`, `p / 1`, ….
pub fn vector<T>(p: &Path<'_>, count: usize, make: impl Fn(&Path<'_>) -> Result<T>) -> Result<Vec<T>> {
    repeat(count, |i| make(&(p / i)))
}

/// What `make` makes of 0, 1, …, `count - 1`, or the first error: the layers of a `repeat`.
pub fn repeat<T>(count: usize, make: impl FnMut(usize) -> Result<T>) -> Result<Vec<T>> {
    (0..count).map(make).collect()
}

/// Layers that were made one by one, or the first one's error.
pub fn list<T, const N: usize>(made: [Result<T>; N]) -> Result<Vec<T>> {
    made.into_iter().collect()
}

/// The value, or the error's sentence and the end.
#[track_caller]
pub fn or_fail<T>(result: Result<T>) -> T {
    result.unwrap_or_else(|error| fail(error))
}

/// A net's inputs, `N` of them, as the array that its signature names.
pub fn inputs<const N: usize>(net: &str, given: &[&Tensor]) -> Result<[Tensor; N]> {
    let inputs: Vec<Tensor> = given.iter().map(|input| input.shallow_clone()).collect();
    inputs.try_into().map_err(|_| Error::Unfit {
        layer: net.to_owned(),
        problem: format!("takes {N} inputs, got {}", given.len()),
    })
}

/// A net's outputs, `N` of them, as the array that its signature names.
pub fn outputs<const N: usize>(net: &str, given: Vec<Tensor>) -> Result<[Tensor; N]> {
    given.try_into().map_err(|given: Vec<Tensor>| Error::Unfit {
        layer: net.to_owned(),
        problem: format!("gives {} outputs, not {N}", given.len()),
    })
}

/// An input without a batch axis as a batch of one.
pub fn alone(x: &Tensor) -> Result<Tensor> {
    x.f_unsqueeze(0).within("batch")
}

/// What a net gives for a batch of one, without that axis; what is wrong is said without it, too.
pub fn without_batch<T: Batched>(result: Result<T>) -> Result<T> {
    match result {
        Ok(outputs) => outputs.only(),
        Err(Error::Shape { layer, expected, given }) => {
            let expected = expected.replacen("[batch, ", "[", 1);
            let given = if given.first() == Some(&1) { given.into_iter().skip(1).collect() } else { given };
            Err(Error::Shape { layer, expected, given })
        }
        Err(error) => Err(error),
    }
}

/// A net's output, or its outputs.
pub trait Batched: Sized {
    /// The only example.
    fn only(self) -> Result<Self>;
}

impl Batched for Tensor {
    fn only(self) -> Result<Self> {
        self.f_select(0, 0).within("batch")
    }
}

impl Batched for Vec<Tensor> {
    fn only(self) -> Result<Self> {
        self.into_iter().map(Tensor::only).collect()
    }
}

/// Named values in the order of a net's inputs.
pub fn ordered<'a>(inputs: &[(&str, Shape)], values: &[(&str, &'a Tensor)]) -> Vec<&'a Tensor> {
    let of = |name: &str| values.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
    inputs.iter().filter_map(|(name, _)| of(name)).collect()
}

/// One of some shapes.
pub fn nth(shapes: &[Shape], which: usize) -> Shape {
    shapes.get(which).copied().unwrap_or(Shape::new(&[]))
}

/// An array of a net, at `p / 0`, `p / 1`, ….
pub fn array<T, const N: usize>(p: &Path<'_>, make: impl Fn(&Path<'_>) -> Result<T>) -> Result<[T; N]> {
    let made = repeat(N, |i| make(&(p / i)))?;
    made.try_into().map_err(|_| Error::configuration("blocks", N, "as many as were made"))
}

/// A number, or tch's own initialisation, for where a posterior's mu or rho starts.
pub trait InitLike {
    /// N(number, 0.1²), as in the Python library, for a number.
    fn init(self) -> Init;
}

impl InitLike for Init {
    fn init(self) -> Init {
        self
    }
}

impl InitLike for f64 {
    fn init(self) -> Init {
        Init::Randn { mean: self, stdev: 0.1 }
    }
}

/// Where a posterior's mu or rho starts.
pub fn init(start: impl InitLike) -> Init {
    start.init()
}

/// Calls of it compile for modules only: so a field that is none is an error at its own step.
pub fn is_module<M: BayesianModule + ?Sized>() {}

/// An integer, as which a size can be written.
#[diagnostic::on_unimplemented(
    message = "a size is an integer, and `{Self}` is none",
    label = "not an integer",
    note = "any integer type will do: `i64`, `usize`, `u32`, …; a tuple in a constant goes by its parts: `(K.0, K.1)`"
)]
pub trait Size {}

macro_rules! sizes {
    ($($integer:ty)*) => {$(impl Size for $integer {})*};
}
sizes!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// Calls of it compile for integers only: so a size of another type is an error at its own place.
pub const fn is_size<T: Size + Copy>(_: T) {}
