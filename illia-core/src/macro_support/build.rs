//! How a net is put together.

use tch::Tensor;
use tch::nn::{Init, Path};

use crate::error::{Error, Result, fail};
use crate::module::BayesianModule;
use crate::module::Net;
use crate::parameter::Posterior;

/// A new net, or the error's sentence and the end.
#[track_caller]
pub fn with<N: Net>(p: &Path<'_>, posterior: &dyn Fn(Posterior) -> Posterior) -> N {
    N::try_with(p, posterior).unwrap_or_else(|error| fail(error))
}

/// So many of a layer, at `p / 0`, `p / 1`, ….
pub fn repeat<T>(count: usize, make: impl FnMut(usize) -> Result<T>) -> Result<Vec<T>> {
    (0..count).map(make).collect()
}

/// Layers made one by one.
pub fn list<T, const N: usize>(made: [Result<T>; N]) -> Result<Vec<T>> {
    made.into_iter().collect()
}

/// A net's output, or the error's sentence and the end.
#[track_caller]
pub fn forward_t<N: Net>(net: &N, x: &Tensor, train: bool) -> Tensor {
    net.try_forward_t(x, train).unwrap_or_else(|error| fail(error))
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

/// Compiles for modules only.
pub fn is_module<M: BayesianModule + ?Sized>() {}

/// An integer, as which a size can be written.
#[diagnostic::on_unimplemented(
    message = "a size is an integer, and `{Self}` is none",
    label = "not an integer",
    note = "any integer type will do: `i64`, `usize`, `u32`, …"
)]
pub trait Size {}

macro_rules! sizes {
    ($($integer:ty)*) => {$(impl Size for $integer {})*};
}
sizes!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// Compiles for integers only.
pub const fn is_size<T: Size + Copy>(_: T) {}
