//! How windows that slide change a length.

/// The number of places of a window of `kernel` points on `len` points: a convolution's or a pool's output length,
/// floor((len + 2 padding - dilation (kernel - 1) - 1) / stride) + 1. Not above 0 if the window is larger than the
/// padded input; -1 if `len` is known only at run time.
pub const fn window(len: i64, kernel: i64, stride: i64, padding: i64, dilation: i64) -> i64 {
    if len < 0 {
        return -1;
    }
    let span = len.saturating_add(padding.saturating_mul(2));
    let room = span.saturating_sub(dilation.saturating_mul(kernel.saturating_sub(1))).saturating_sub(1);
    room.div_euclid(if stride < 1 { 1 } else { stride }).saturating_add(1)
}

/// A transposed convolution's output length,
/// (len - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1; -1 if `len` is known only at run time.
pub const fn transposed(
    len: i64,
    kernel: i64,
    stride: i64,
    padding: i64,
    output_padding: i64,
    dilation: i64,
) -> i64 {
    if len < 0 {
        return -1;
    }
    let places = len.saturating_sub(1).saturating_mul(stride).saturating_sub(padding.saturating_mul(2));
    let window = dilation.saturating_mul(kernel.saturating_sub(1));
    places.saturating_add(window).saturating_add(output_padding).saturating_add(1)
}

/// Whether `part` divides `whole`, as groups must divide channels.
pub const fn divides(part: i64, whole: i64) -> bool {
    part >= 1 && whole % part == 0
}
