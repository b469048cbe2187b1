//! Ways to a posterior over a net's weights, one file each.
//!
//! A method is an `init` and an `update` on named tensors: it knows no net, no data and no file. Weights, gradients and
//! noise are [`Named`] tensors under the variables' names; a method's state is named tensors and numbers, which a
//! checkpoint carries without knowing them (`to_named`, `from_named`).

pub mod chain;
pub mod cyclical;
pub mod diagnostics;
pub mod ensemble;
pub mod ivon;
pub mod laplace;
pub mod moments;
pub mod sghmc;
pub mod swag;
mod weights;

pub use weights::{draws_of, set_posterior, weights};

use std::collections::BTreeMap;

use tch::{Kind, Tensor};

use crate::error::{Error, Result, floating};
use crate::noise::{self, Key};

/// A net's tensors under their variables' names.
pub type Named = BTreeMap<String, Tensor>;

/// Numbers under their names: what a state holds beside its tensors.
pub type Numbers = BTreeMap<String, f64>;

/// Standard normals in the shapes, kinds and devices of `like`, all from one key: the tensors take the key's numbers one
/// after the other, in the order of their names.
///
/// ```
/// use illia_core::infer::{Named, normals_like};
/// use illia_core::noise::Stream;
/// use tch::{Device, Kind, Tensor};
///
/// let weights = Named::from([("fc.weight".to_owned(), Tensor::zeros([2, 3], (Kind::Float, Device::Cpu)))]);
/// assert_eq!(normals_like(&weights, Stream::new().next_key())["fc.weight"].size(), [2, 3]);
/// ```
pub fn normals_like(like: &Named, key: Key) -> Named {
    let total: i64 = like.values().map(elements).sum();
    split(like, &noise::normals(key, &[total], Kind::Float, tch::Device::Cpu)).0
}

/// Cuts a vector of numbers into tensors like `like`, in the order of their names, and what is left over.
fn split(like: &Named, numbers: &Tensor) -> (Named, Tensor) {
    let mut start = 0;
    let mut cut = |tensor: &Tensor| {
        let part = numbers.narrow(0, start, elements(tensor)).reshape(tensor.size());
        start += elements(tensor);
        part.to_kind(state_kind(tensor)).to_device(tensor.device())
    };
    let named = like.iter().map(|(name, tensor)| (name.clone(), cut(tensor))).collect();
    (named, numbers.slice(0, start, None, 1))
}

fn elements(tensor: &Tensor) -> i64 {
    tensor.numel() as i64
}

/// What a state of this variable is kept in: half precision has no room for a running mean.
fn state_kind(variable: &Tensor) -> Kind {
    match variable.kind() {
        Kind::Half | Kind::BFloat16 => Kind::Float,
        kind => kind,
    }
}

/// A variable's values in its state's kind, apart from the variable's own memory.
fn state_of(variable: &Tensor) -> Tensor {
    variable.detach().to_kind(state_kind(variable)).copy()
}

/// For each name of `like`, what `f` makes of its tensor and of the one in `other`.
///
/// # Errors
/// [`Error::Configuration`] for a name that one of the two lacks and for tensors that are not of floating-point numbers,
/// [`Error::Shape`] for one of another shape; `what` is what `other` holds, in the plural.
fn zip<'a>(what: &str, like: &'a Named, other: &'a Named) -> Result<Vec<(&'a str, &'a Tensor, &'a Tensor)>> {
    if let Some(stranger) = other.keys().find(|name| !like.contains_key(*name)) {
        return Err(Error::configuration(what, stranger, "the names that the method began with"));
    }
    let pair = |(name, tensor): (&'a String, &'a Tensor)| {
        let Some(other) = other.get(name) else {
            return Err(Error::configuration(what, format!("none for {name}"), "one for each name"));
        };
        if other.size() != tensor.size() {
            let expected = format!("{:?} of {what}", tensor.size());
            return Err(Error::Shape { layer: name.clone(), expected, given: other.size() });
        }
        floating(name, other)?;
        Ok((name.as_str(), tensor, other))
    };
    like.iter().map(pair).collect()
}

/// Refuses NaN and infinity, which would stay in a state for ever.
fn finite(what: &str, tensors: &Named) -> Result<()> {
    let no_number = |tensor: &Tensor| match tensor.kind() {
        Kind::Float => crate::simd::finite::sum_of_squares([tensor]).is_none(),
        _ => tensor.isfinite().all().int64_value(&[]) == 0,
    };
    match tensors.iter().find(|(_, tensor)| no_number(tensor)) {
        Some((name, _)) => {
            Err(Error::configuration(what, format!("NaN or infinity in {name}"), "finite numbers"))
        }
        None => Ok(()),
    }
}

/// Refuses a number that is not finite, or outside of what `allowed` says.
fn number(name: &str, value: f64, inside: bool, allowed: &str) -> Result<()> {
    if value.is_finite() && inside {
        return Ok(());
    }
    Err(Error::configuration(name, value, allowed))
}

/// Puts `tensors` into a state's data as `part/name`.
fn put(data: &mut Named, part: &str, tensors: &Named) {
    data.extend(tensors.iter().map(|(name, tensor)| (format!("{part}/{name}"), tensor.copy())));
}

/// What [`put`] put in as `part`.
fn take(data: &Named, part: &str) -> Named {
    let own = |(name, tensor): (&String, &Tensor)| {
        let name = name.strip_prefix(part)?.strip_prefix('/')?;
        Some((name.to_owned(), tensor.copy()))
    };
    data.iter().filter_map(own).collect()
}

/// A number of a state's data.
fn take_number(numbers: &Numbers, name: &str) -> Result<f64> {
    let missing = || Error::configuration(name, "missing", "a number of the saved state");
    numbers.get(name).copied().ok_or_else(missing)
}
