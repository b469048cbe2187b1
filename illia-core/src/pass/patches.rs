//! What each place of a layer's output sees, in rows: with them a convolution is a product of matrices.

use tch::Tensor;

/// `[rows, n]` with a 1 in column `index[row]` of each row, `index` `[..]` from 0 to `n - 1`, as patches: `[batch, 1, places, n]`.
pub(crate) fn one_hot(index: &Tensor, n: i64, like: &Tensor) -> Result<Tensor, tch::TchError> {
    let batch = index.size().first().copied().unwrap_or(1);
    let index = index.f_reshape([batch, 1, -1, 1])?;
    let size = [batch, 1, index.size().get(2).copied().unwrap_or(1), n];
    let hot = Tensor::f_zeros(size, (like.kind(), like.device()))?;
    hot.f_scatter_value(-1, &index, 1.0)
}

/// What each place of a convolution's output sees of `x` `[batch, channels, ..]`: `[batch, groups, places, inputs]`, the inputs
/// in the order channel, then kernel. `pad` is what to add before and after each spatial axis, or to cut off where below 0.
pub(crate) fn unfold<const D: usize>(
    x: &Tensor,
    kernel: [i64; D],
    stride: [i64; D],
    dilation: [i64; D],
    pad: [(i64, i64); D],
    groups: i64,
    flipped: bool,
) -> Result<Tensor, tch::TchError> {
    let x = if x.dim() == D + 1 { x.f_unsqueeze(0)? } else { x.shallow_clone() };
    let [batch, channels] = [0, 1].map(|axis| x.size().get(axis).copied().unwrap_or(1));
    // libtorch counts from the last axis.
    let pad: Vec<i64> = pad.iter().rev().flat_map(|&(before, after)| [before, after]).collect();
    let mut x = x.f_constant_pad_nd(pad)?;
    for (axis, ((kernel, stride), dilation)) in kernel.into_iter().zip(stride).zip(dilation).enumerate() {
        let extent = dilation * (kernel - 1) + 1;
        x = x.f_unfold(2 + axis as i64, extent, stride)?.f_slice(-1, None, None, dilation)?;
    }
    if flipped {
        x = x.f_flip((2 + D as i64..2 + 2 * D as i64).collect::<Vec<_>>())?;
    }
    let points: i64 = kernel.iter().product();
    let inputs = channels / groups.max(1);
    let split = x.f_reshape([batch, groups, inputs, -1, points])?;
    split.f_permute([0, 1, 3, 2, 4])?.f_reshape([batch, groups, -1, inputs * points])
}

/// `x` `[batch, channels, ..]` with `stride - 1` zeros between neighbours of each spatial axis.
pub(crate) fn spread<const D: usize>(x: &Tensor, stride: [i64; D]) -> Result<Tensor, tch::TchError> {
    let x = if x.dim() == D + 1 { x.f_unsqueeze(0)? } else { x.shallow_clone() };
    let size = x.size();
    let spread = |(axis, &n): (usize, &i64)| match axis.checked_sub(2).and_then(|axis| stride.get(axis)) {
        Some(stride) => (n - 1) * stride + 1,
        None => n,
    };
    let wide: Vec<i64> = size.iter().enumerate().map(spread).collect();
    let wide = Tensor::f_zeros(wide, (x.kind(), x.device()))?;
    let mut places = wide.shallow_clone();
    for (axis, stride) in stride.into_iter().enumerate() {
        places = places.f_slice(2 + axis as i64, None, None, stride)?;
    }
    places.copy_(&x);
    Ok(wide)
}
