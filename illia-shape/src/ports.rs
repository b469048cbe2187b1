//! A net's inputs and outputs by their names, and the ranges of numbers.

use crate::{Shape, same_text};

/// The shape at a place; none of any axis if there is no such place.
pub const fn port(ports: &[(&str, Shape)], which: usize) -> Shape {
    if which < ports.len() { ports[which].1 } else { Shape::new(&[]) }
}

/// Where a name stands among the ports; beyond them if nowhere.
pub const fn place_of(ports: &[(&str, Shape)], name: &str) -> usize {
    let mut i = 0;
    while i < ports.len() && !same_text(ports[i].0, name) {
        i += 1;
    }
    i
}

/// Whether the names are those of the inputs, each once.
pub const fn names_inputs(ports: &[(&str, Shape)], names: &[&str]) -> bool {
    if ports.len() != names.len() {
        return false;
    }
    let mut i = 0;
    while i < names.len() {
        if place_of(ports, names[i]) >= ports.len() {
            return false;
        }
        let mut j = 0;
        while j < i {
            if same_text(names[i], names[j]) {
                return false;
            }
            j += 1;
        }
        i += 1;
    }
    true
}

/// Whether there is one input and one output.
pub const fn is_single(inputs: &[(&str, Shape)], outputs: &[(&str, Shape)]) -> bool {
    inputs.len() == 1 && outputs.len() == 1
}

/// A number of any type.
#[diagnostic::on_unimplemented(
    message = "this takes a number, and `{Self}` is none",
    label = "no number",
    note = "any number type will do: `f64`, `f32`, `i64`, …"
)]
pub trait Number {
    /// As a real number.
    fn real(self) -> f64;
}

macro_rules! numbers {
    ($($number:ident)*) => {$(
        impl Number for $number {
            fn real(self) -> f64 {
                self as f64
            }
        }
    )*};
}
numbers!(f32 f64 i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);

/// A net's argument where a real number stands.
pub fn number(x: impl Number) -> f64 {
    x.real()
}

/// Whether it is a finite number.
pub const fn is_finite(x: f64) -> bool {
    x.is_finite()
}

/// Whether it is a finite number above 0.
pub const fn is_positive(x: f64) -> bool {
    x > 0.0 && x.is_finite()
}

/// Whether it is a finite number from 0 on.
pub const fn is_non_negative(x: f64) -> bool {
    x >= 0.0 && x.is_finite()
}

/// Whether it lies within (0, 1).
pub const fn is_inside(x: f64) -> bool {
    x > 0.0 && x < 1.0
}

/// Whether it lies within [0, 1).
pub const fn is_probability(x: f64) -> bool {
    x >= 0.0 && x < 1.0
}
