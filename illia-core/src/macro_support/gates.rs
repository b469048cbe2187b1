//! Ops in which one half of an axis gates the other.

use tch::Tensor;

use super::ops::{gelu, with_batch};
use crate::error::{Result, Within};

/// An axis in two halves.
fn halves(op: &str, x: &Tensor, axis: i64) -> Result<[Tensor; 2]> {
    let parts = x.f_chunk(2, with_batch(axis)).within(op)?;
    parts.try_into().map_err(|_| crate::Error::Torch {
        layer: op.to_owned(),
        message: format!("an axis of {:?} has no two halves", x.size()),
    })
}

/// The first half of an axis times the sigmoid of the second (Dauphin et al. 2017).
pub fn glu(x: &Tensor, axis: i64) -> Result<Tensor> {
    let [value, gate] = halves("glu", x, axis)?;
    gate.f_sigmoid().and_then(|gate| value.f_mul(&gate)).within("glu")
}

/// `gelu` of the first half of an axis times the second (Shazeer 2020).
pub fn geglu(x: &Tensor, axis: i64) -> Result<Tensor> {
    let [gate, value] = halves("geglu", x, axis)?;
    gelu(&gate)?.f_mul(&value).within("geglu")
}

/// `silu` of the first half of an axis times the second (Shazeer 2020).
pub fn swiglu(x: &Tensor, axis: i64) -> Result<Tensor> {
    let [gate, value] = halves("swiglu", x, axis)?;
    gate.f_silu().and_then(|gate| gate.f_mul(&value)).within("swiglu")
}
