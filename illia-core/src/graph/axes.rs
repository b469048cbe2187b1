//! The named axes of a net that is being written: known by where an input has them.

use illia_shape::{Axis, Shape};

use super::recording::Value;
use super::refused;
use crate::error::{Error, Result};

/// What stands for a named axis's length where a shape is written as numbers: this less its place among the graph's named axes. A
/// length itself is from 0 on, and -1 is what is worked out.
pub(super) const NAMED: i64 = -2;

/// Which axis each name of a net's shapes is.
#[derive(Debug, Default)]
pub struct Axes {
    known: Vec<(&'static str, usize)>,
}

impl Axes {
    /// Nothing is known yet.
    pub fn new() -> Axes {
        Axes::default()
    }

    /// Of a net's only input.
    ///
    /// # Errors
    /// As [`input`](Self::input).
    pub fn of(net: &str, shape: Shape, x: &Value) -> Result<Axes> {
        let mut axes = Axes::default();
        axes.input(net, shape, x)?;
        Ok(axes)
    }

    /// Takes the names of an input's axes.
    ///
    /// # Errors
    /// [`Error::Shape`] where the input has another number of axes, or other lengths.
    pub fn input(&mut self, input: &str, shape: Shape, x: &Value) -> Result<()> {
        let given = x.axes.get(1..).unwrap_or_default();
        let fits = |(axis, given): (&Axis, &Option<i64>)| match (axis, given) {
            (Axis::Fixed(n), Some(given)) => n == given,
            _ => true,
        };
        if x.axes.len() != shape.rank() + 1 || !shape.axes().iter().zip(given).all(fits) {
            let given = x.axes.iter().map(|axis| axis.unwrap_or(-1)).collect();
            let expected = format!("[batch] and {shape}");
            return Err(Error::Shape { layer: input.to_owned(), expected, given });
        }
        for (axis, place) in shape.axes().iter().zip(1..) {
            if let Axis::Named(name) = *axis
                && !self.known.iter().any(|(known, _)| *known == name)
            {
                let mut recording = x.graph.0.borrow_mut();
                self.known.push((name, recording.named_axes.len()));
                recording.named_axes.push((x.mean_part(), place));
            }
        }
        Ok(())
    }

    /// What stands for the length of a name.
    pub fn length(&self, name: &str) -> i64 {
        let place = self.known.iter().find(|(known, _)| *known == name).map_or(0, |(_, place)| *place);
        NAMED - place as i64
    }
}

impl Value {
    /// The length that a number of a written shape stands for, `[1]`.
    pub(super) fn written_length(&self, number: i64) -> Result<Value> {
        if number > NAMED {
            return self.integers(&[number]);
        }
        let named = usize::try_from(NAMED - number).ok();
        let of = named.and_then(|place| self.graph.0.borrow().named_axes.get(place).cloned());
        let (value, axis) = of.ok_or_else(|| refused("Reshape", "names an axis that no input has"))?;
        value.length(axis)
    }
}
