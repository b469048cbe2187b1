//! Ops that make the spatial axes of `[batch, channels, ..]` longer or shorter.

use tch::Tensor;

use super::ops::spread;
use crate::error::{Result, Within};

/// Each element so many times along each spatial axis: the nearest neighbour.
pub fn upsample(x: &Tensor, factors: &[i64]) -> Result<Tensor> {
    let mut x = x.shallow_clone();
    for (i, factor) in spread(factors, &x).into_iter().enumerate() {
        x = x.f_repeat_interleave_self_int(factor, i as i64 + 2, None).within("upsample")?;
    }
    Ok(x)
}

/// Zeros at the ends of the spatial axes, so many before and after each.
pub fn pad(x: &Tensor, before: &[i64], after: &[i64]) -> Result<Tensor> {
    padded("pad", x, before, after, 1)
}

/// So much less at the ends of the spatial axes, before and after each.
pub fn crop(x: &Tensor, before: &[i64], after: &[i64]) -> Result<Tensor> {
    padded("crop", x, before, after, -1)
}

/// libtorch counts from the last axis, and takes less than 0 for less of an axis.
fn padded(op: &str, x: &Tensor, before: &[i64], after: &[i64], sign: i64) -> Result<Tensor> {
    let ends = before.iter().zip(after).rev();
    x.f_constant_pad_nd(ends.flat_map(|(before, after)| [sign * before, sign * after]).collect::<Vec<_>>())
        .within(op)
}

/// `[batch, channels * r², h, w]` to `[batch, channels, h * r, w * r]` (Shi et al. 2016).
pub fn pixel_shuffle(x: &Tensor, factor: i64) -> Result<Tensor> {
    x.f_pixel_shuffle(factor).within("pixel_shuffle")
}
