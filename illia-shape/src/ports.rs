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
