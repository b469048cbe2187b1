//! Dropout from the keyed noise.

use tch::Tensor;

use crate::error::{Error, Result, fail, floating};
use crate::{noise, pass};

/// In training, sets each element to 0 with probability `p` and scales the rest by 1 / (1 - p), so
/// that the mean stays (Srivastava et al. 2014); otherwise returns `x` itself.
///
/// # Panics
/// Where [`try_dropout`] is an error.
pub fn dropout(x: &Tensor, p: f64, train: bool) -> Tensor {
    try_dropout(x, p, train).unwrap_or_else(|error| fail(error))
}

/// [`dropout`], with its errors.
///
/// # Errors
/// [`Error::Configuration`] unless 0 <= p < 1, and for whole numbers.
pub fn try_dropout(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    if !(0.0..1.0).contains(&p) {
        return Err(Error::configuration("dropout", p, "from 0 to below 1"));
    }
    if !train || p == 0.0 {
        return Ok(x.shallow_clone());
    }
    floating("x", x)?;
    let u = pass::uniforms_like(x, noise::next_dropout_key());
    Ok(x * u.ge(p).to_kind(x.kind()) * (1.0 / (1.0 - p)))
}
