//! Shapes without the batch, and the arithmetic of layers on them: `const fn`s, so that the macros (on literals), the
//! compiler (on constants and const generics) and the run time compute with the same formulas.
//!
//! Depend on the facade `illia` rather than on this crate.

#![no_std]
#![deny(missing_docs)]

mod message;
mod ports;
mod through;
mod windows;

pub use message::{Message, require};
pub use ports::*;
pub use through::*;
pub use windows::*;

use core::fmt;

/// One axis of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Axis {
    /// So many elements.
    Fixed(i64),
    /// A number known only at run time, the same wherever the name stands.
    Named(&'static str),
    /// So many times such a number, and so many more: `h * 4 - 2`.
    Linear {
        /// What is known only at run time.
        name: &'static str,
        /// At least 1.
        times: i64,
        /// What is added; below 0 for less.
        plus: i64,
    },
}

impl Axis {
    /// The number of elements, or -1 if it is known only at run time.
    pub const fn len(self) -> i64 {
        match self {
            Axis::Fixed(n) => n,
            Axis::Named(_) | Axis::Linear { .. } => -1,
        }
    }

    /// Whether there is no element at all.
    pub const fn is_empty(self) -> bool {
        matches!(self, Axis::Fixed(0))
    }

    /// Whether both are the same number, or the same name. A name that is not known (`?`) equals every name.
    pub const fn same(self, other: Axis) -> bool {
        match (self, other) {
            (Axis::Fixed(a), Axis::Fixed(b)) => a == b,
            (Axis::Fixed(_), _) | (_, Axis::Fixed(_)) => false,
            (a, b) => {
                let ((a, times, plus), (b, other_times, other_plus)) = (a.linear(), b.linear());
                let anything = same_text(a, "?") || same_text(b, "?");
                anything || (same_text(a, b) && times == other_times && plus == other_plus)
            }
        }
    }

    /// A name, how often it is taken and what is added; an axis of a fixed size is so much of no name.
    pub(crate) const fn linear(self) -> (&'static str, i64, i64) {
        match self {
            Axis::Fixed(n) => ("", 0, n),
            Axis::Named(name) => (name, 1, 0),
            Axis::Linear { name, times, plus } => (name, times, plus),
        }
    }

    /// So many times this axis, and so many more.
    pub const fn scaled(self, times: i64, plus: i64) -> Axis {
        match self {
            Axis::Fixed(n) => Axis::Fixed(n.saturating_mul(times).saturating_add(plus)),
            other => {
                let (name, t, p) = other.linear();
                match (t.saturating_mul(times), p.saturating_mul(times).saturating_add(plus)) {
                    _ if same_text(name, "?") => Axis::Named("?"),
                    (1, 0) => Axis::Named(name),
                    (times, plus) => Axis::Linear { name, times, plus },
                }
            }
        }
    }

    /// The axis of which this one is `times` as long and `plus` longer; None if there is none.
    pub const fn unscaled(self, times: i64, plus: i64) -> Option<Axis> {
        let (name, t, p) = self.linear();
        if same_text(name, "?") {
            return Some(Axis::Named("?"));
        }
        let p = p.saturating_sub(plus);
        if times < 1 || t % times != 0 || p % times != 0 {
            return None;
        }
        Some(match (t / times, p / times) {
            (0, n) if n < 1 => return None,
            (0, n) => Axis::Fixed(n),
            (1, 0) => Axis::Named(name),
            (times, plus) => Axis::Linear { name, times, plus },
        })
    }
}

impl From<i64> for Axis {
    fn from(n: i64) -> Axis {
        Axis::Fixed(n)
    }
}

const fn same_text(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The most axes that a shape has, without the batch.
pub const MAX_RANK: usize = 8;

/// The axes of a tensor, the batch left out.
///
/// ```
/// use illia_shape::{Axis, Shape};
///
/// const IMAGE: Shape = Shape::new(&[Axis::Fixed(1), Axis::Fixed(28), Axis::Fixed(28)]);
/// assert_eq!(IMAGE.to_string(), "[1, 28, 28]");
/// assert_eq!(IMAGE.axes().len(), 3);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    axes: [Axis; MAX_RANK],
    rank: usize,
}

impl Shape {
    /// A shape of these axes; axes beyond the eighth are left out.
    pub const fn new(axes: &[Axis]) -> Shape {
        let mut shape = Shape { axes: [Axis::Fixed(1); MAX_RANK], rank: 0 };
        let mut i = 0;
        while i < axes.len() {
            shape = shape.with(axes[i]);
            i += 1;
        }
        shape
    }

    /// The axes.
    pub const fn axes(&self) -> &[Axis] {
        self.axes.split_at(self.rank).0
    }

    /// How many axes there are.
    pub const fn rank(&self) -> usize {
        self.rank
    }

    /// The size of an axis counted from 0; -1 if it is known only at run time, 0 if there is no such axis.
    pub const fn size(&self, axis: usize) -> i64 {
        if axis < self.rank { self.axes[axis].len() } else { 0 }
    }

    /// The size of the last axis, as [`size`](Self::size).
    pub const fn last(&self) -> i64 {
        self.size(self.rank.wrapping_sub(1))
    }

    /// The number of elements; -1 if it is known only at run time.
    pub const fn elements(&self) -> i64 {
        let mut product: i64 = 1;
        let mut i = 0;
        while i < self.rank {
            if self.axes[i].len() < 0 {
                return -1;
            }
            product = product.saturating_mul(self.axes[i].len());
            i += 1;
        }
        product
    }

    /// The shape with one axis more.
    pub const fn with(mut self, axis: Axis) -> Shape {
        if self.rank < MAX_RANK {
            self.axes[self.rank] = axis;
            self.rank += 1;
        }
        self
    }

    /// Whether both have the same axes.
    pub const fn same(&self, other: &Shape) -> bool {
        if self.rank != other.rank {
            return false;
        }
        let mut i = 0;
        while i < self.rank {
            if !self.axes[i].same(other.axes[i]) {
                return false;
            }
            i += 1;
        }
        true
    }
}

impl PartialEq for Shape {
    fn eq(&self, other: &Shape) -> bool {
        self.axes() == other.axes()
    }
}

impl Eq for Shape {}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Axis::Fixed(n) => n.fmt(f),
            Axis::Named(name) => f.write_str(name),
            Axis::Linear { name, times, plus } => {
                f.write_str(name)?;
                if *times != 1 {
                    write!(f, " * {times}")?;
                }
                match plus {
                    0 => Ok(()),
                    1.. => write!(f, " + {plus}"),
                    _ => write!(f, " - {}", plus.unsigned_abs()),
                }
            }
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, axis) in self.axes().iter().enumerate() {
            write!(f, "{}{axis}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}
