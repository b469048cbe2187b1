//! What comes out of a layer for a shape whose axes only the compiler knows: the output of a net within a net.

use crate::{Axis, Shape, transposed, window};

/// Whether `given` is what a net or module of signature `input` takes. A name of the signature stands for any axis, but for
/// the same one wherever it stands.
pub const fn accepts(input: Shape, given: Shape) -> bool {
    if input.rank() != given.rank() {
        return false;
    }
    let mut i = 0;
    while i < given.rank() {
        match input.axes()[i] {
            Axis::Fixed(n) => {
                if given.size(i) != n {
                    return false;
                }
            }
            Axis::Named(_) | Axis::Linear { .. } => {
                let (_, times, plus) = input.axes()[i].linear();
                let exact = given.axes()[i].unscaled(times, plus).is_some();
                if !exact || !bound(input.axes()[i], input, given).same(given.axes()[i]) {
                    return false;
                }
            }
        }
        i += 1;
    }
    true
}

/// What `axis` is where the names of `input` are what `given` has in their places: each is that of its first. Where that can't be (a
/// length of which `h * 4` is no multiple) the nearest number, so that the one mistake is not told again of what follows.
const fn bound(axis: Axis, input: Shape, given: Shape) -> Axis {
    if let Axis::Fixed(_) = axis {
        return axis;
    }
    let (name, times, plus) = axis.linear();
    let mut i = 0;
    while i < input.rank() && i < given.rank() {
        let (own, own_times, own_plus) = input.axes()[i].linear();
        if own_times > 0 && Axis::Named(own).same(Axis::Named(name)) {
            return match (given.axes()[i].unscaled(own_times, own_plus), given.axes()[i]) {
                (Some(base), _) => base.scaled(times, plus),
                (None, Axis::Fixed(n)) => {
                    Axis::Fixed(n.saturating_sub(own_plus).saturating_mul(times) / own_times + plus)
                }
                (None, _) => Axis::Named("?"),
            };
        }
        i += 1;
    }
    axis
}

/// What a net or module of signature `input -> output` makes of `given`: names become what they stand for.
pub const fn through(input: Shape, output: Shape, given: Shape) -> Shape {
    let mut out = Shape::new(&[]);
    let mut i = 0;
    while i < output.rank() {
        out = out.with(bound(output.axes()[i], input, given));
        i += 1;
    }
    out
}

/// The shape with another last axis: a linear or recurrent layer's output.
pub const fn with_last(shape: Shape, size: i64) -> Shape {
    with_size(shape, shape.rank().wrapping_sub(1), size)
}

/// The shape with another size of one axis.
pub const fn with_size(shape: Shape, axis: usize, size: i64) -> Shape {
    let mut out = Shape::new(&[]);
    let mut i = 0;
    while i < shape.rank() {
        out = out.with(if i == axis { Axis::Fixed(size) } else { shape.axes()[i] });
        i += 1;
    }
    out
}

/// The shape with one axis more, at the end: an embedding's output.
pub const fn with_more(shape: Shape, size: i64) -> Shape {
    shape.with(Axis::Fixed(size))
}

/// The shape without its first axis: what `last` and `mean` leave.
pub const fn without_first(shape: Shape) -> Shape {
    let mut out = Shape::new(&[]);
    let mut i = 1;
    while i < shape.rank() {
        out = out.with(shape.axes()[i]);
        i += 1;
    }
    out
}

/// One axis or more, and then those of another shape.
pub const fn led(first: Shape, rest: Shape) -> Shape {
    let mut out = first;
    let mut i = 0;
    while i < rest.rank() {
        out = out.with(rest.axes()[i]);
        i += 1;
    }
    out
}

/// All axes in one.
pub const fn flattened(shape: Shape) -> Shape {
    let axis = match shape.elements() {
        -1 => Axis::Named("?"),
        n => Axis::Fixed(n),
    };
    Shape::new(&[axis])
}

/// The first axis alone: a global pool's output.
pub const fn first_only(shape: Shape) -> Shape {
    let mut out = Shape::new(&[]);
    if shape.rank() > 0 {
        out = out.with(shape.axes()[0]);
    }
    out
}

/// The first axis and new sizes for the others: an adaptive pool's output. A single size holds for every spatial axis.
pub const fn with_spatial(shape: Shape, sizes: &[i64]) -> Shape {
    let mut out = first_only(shape);
    let mut i = 1;
    while i < shape.rank() {
        out = out.with(Axis::Fixed(at(sizes, i)));
        i += 1;
    }
    out
}

/// The axes in another order.
pub const fn permuted(shape: Shape, order: &[usize]) -> Shape {
    let mut out = Shape::new(&[]);
    let mut i = 0;
    while i < order.len() {
        if order[i] < shape.rank() {
            out = out.with(shape.axes()[order[i]]);
        }
        i += 1;
    }
    out
}

/// Whether `order` names each axis of the shape once.
pub const fn permutes(shape: Shape, order: &[usize]) -> bool {
    permuted(shape, order).rank() == order.len() && shape.rank() == order.len()
}

/// `[channels, spatial..]` through a convolution (`outputs` at least 1) or a pool (`outputs` 0: channels stay). A single
/// setting holds for every spatial axis.
pub const fn windowed(
    shape: Shape,
    outputs: i64,
    kernel: &[i64],
    stride: &[i64],
    padding: &[i64],
    dilation: &[i64],
) -> Shape {
    let mut out = first_only(if outputs > 0 { with_size(shape, 0, outputs) } else { shape });
    let mut i = 1;
    while i < shape.rank() {
        let axis = shape.axes()[i];
        out = out.with(slid(axis, at(kernel, i), at(stride, i), at(padding, i), at(dilation, i)));
        i += 1;
    }
    out
}

/// An axis behind a window: exact where the stride divides what is known only at run time.
const fn slid(axis: Axis, kernel: i64, stride: i64, padding: i64, dilation: i64) -> Axis {
    match axis {
        Axis::Fixed(n) => Axis::Fixed(window(n, kernel, stride, padding, dilation)),
        other => {
            let (name, times, plus) = match other {
                Axis::Linear { name, times, plus } => (name, times, plus),
                Axis::Named(name) => (name, 1, 0),
                Axis::Fixed(_) => ("?", 1, 0),
            };
            if stride < 1 || times % stride != 0 {
                return Axis::Named("?");
            }
            Axis::Named(name).scaled(times / stride, windowed_plus(plus, kernel, stride, padding, dilation))
        }
    }
}

/// What is added to an axis behind a window: (plus + 2 padding - dilation (kernel - 1) - 1) / stride + 1, rounded down.
pub const fn windowed_plus(plus: i64, kernel: i64, stride: i64, padding: i64, dilation: i64) -> i64 {
    let room = plus
        .saturating_add(padding.saturating_mul(2))
        .saturating_sub(dilation.saturating_mul(kernel.saturating_sub(1)))
        .saturating_sub(1);
    room.div_euclid(if stride < 1 { 1 } else { stride }).saturating_add(1)
}

/// The setting of the spatial axis `i` (counted with the channels' axis, so from 1).
const fn at(settings: &[i64], i: usize) -> i64 {
    if settings.is_empty() {
        1
    } else if i <= settings.len() {
        settings[i - 1]
    } else {
        settings[0]
    }
}

/// `[channels, spatial..]` through a transposed convolution.
pub const fn transpose_windowed(
    shape: Shape,
    outputs: i64,
    kernel: &[i64],
    stride: &[i64],
    padding: &[i64],
    output_padding: &[i64],
    dilation: &[i64],
) -> Shape {
    let mut out = first_only(with_size(shape, 0, outputs));
    let mut i = 1;
    while i < shape.rank() {
        let axis = shape.axes()[i];
        let window = at(dilation, i).saturating_mul(at(kernel, i).saturating_sub(1));
        let plus = window
            .saturating_sub(at(padding, i).saturating_mul(2))
            .saturating_add(at(output_padding, i))
            .saturating_add(1)
            .saturating_sub(at(stride, i));
        out = out.with(match axis {
            Axis::Fixed(n) => Axis::Fixed(transposed(
                n,
                at(kernel, i),
                at(stride, i),
                at(padding, i),
                at(output_padding, i),
                at(dilation, i),
            )),
            other => other.scaled(at(stride, i), plus),
        });
        i += 1;
    }
    out
}

/// Whether every axis has at least one element, as far as it is known.
pub const fn positive(shape: Shape) -> bool {
    let mut i = 0;
    while i < shape.rank() {
        if let Axis::Fixed(n) = shape.axes()[i]
            && n < 1
        {
            return false;
        }
        i += 1;
    }
    true
}

/// The axis along which branches are joined: the first that is not known only at run time.
pub const fn feature_axis(shape: Shape) -> usize {
    let mut i = 0;
    while i < shape.rank() {
        if let Axis::Fixed(_) = shape.axes()[i] {
            return i;
        }
        i += 1;
    }
    0
}

/// Whether two branches differ nowhere but on the axis along which they are joined.
pub const fn joinable(a: Shape, b: Shape) -> bool {
    let axis = feature_axis(a);
    axis == feature_axis(b) && with_size(a, axis, 1).same(&with_size(b, axis, 1))
}

/// Two branches joined.
pub const fn joined(a: Shape, b: Shape) -> Shape {
    let axis = feature_axis(a);
    with_size(a, axis, a.size(axis) + b.size(axis))
}

/// Whether two values differ nowhere but on the axis along which they are joined.
pub const fn joinable_along(axis: usize, a: Shape, b: Shape) -> bool {
    axis < a.rank() && with_size(a, axis, 1).same(&with_size(b, axis, 1))
}

/// Two values joined along an axis.
pub const fn joined_along(axis: usize, a: Shape, b: Shape) -> Shape {
    with_size(a, axis, a.size(axis) + b.size(axis))
}

/// The axis `i` of `rank`, counted where all shapes are aligned at their ends; an axis of 1 in front of a shorter one.
const fn aligned(shape: Shape, rank: usize, i: usize) -> Axis {
    if i + shape.rank() < rank { Axis::Fixed(1) } else { shape.axes()[i + shape.rank() - rank] }
}

/// Whether two shapes broadcast: aligned at their ends, their axes are the same, or one of them is 1.
pub const fn broadcasts(a: Shape, b: Shape) -> bool {
    let rank = if a.rank() > b.rank() { a.rank() } else { b.rank() };
    let mut i = 0;
    while i < rank {
        let (a, b) = (aligned(a, rank, i), aligned(b, rank, i));
        if !(a.same(b) || a.len() == 1 || b.len() == 1) {
            return false;
        }
        i += 1;
    }
    true
}

/// What two shapes broadcast to.
pub const fn broadcasted(a: Shape, b: Shape) -> Shape {
    let rank = if a.rank() > b.rank() { a.rank() } else { b.rank() };
    let mut out = Shape::new(&[]);
    let mut i = 0;
    while i < rank {
        let (a, b) = (aligned(a, rank, i), aligned(b, rank, i));
        out = out.with(if a.len() == 1 { b } else { a });
        i += 1;
    }
    out
}

/// `[channels, spatial..]` with each spatial axis so many times as long.
pub const fn upsampled(shape: Shape, factors: &[i64]) -> Shape {
    let mut out = first_only(shape);
    let mut i = 1;
    while i < shape.rank() {
        let axis = shape.axes()[i];
        out = out.with(axis.scaled(at(factors, i), 0));
        i += 1;
    }
    out
}

/// The shape with one more element on its first axis.
pub const fn one_longer(shape: Shape) -> Shape {
    let mut out = Shape::new(&[]);
    let mut i = 0;
    while i < shape.rank() {
        let axis = shape.axes()[i];
        out = out.with(if i == 0 { axis.scaled(1, 1) } else { axis });
        i += 1;
    }
    out
}
