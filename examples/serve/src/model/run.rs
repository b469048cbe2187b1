//! Running the net: a request's rows in, what they come to out.

use tract_onnx::prelude::{Tensor, tvec};

use super::{Axis, Gives, Model};
use crate::Limits;
use crate::input::Array;

/// Rows that fit the net.
pub struct Input {
    pub rows: usize,
    tensor: Tensor,
}

/// What the net gave: `[batch, size]` of each draw, or of mean and standard deviation.
pub enum Outputs {
    Draws(Vec<Vec<f32>>),
    Moments { mean: Vec<f32>, std: Vec<f32> },
}

impl Model {
    /// A request's array as the net's input, one row with a batch of 1 in front; or what is wrong with it.
    pub fn input(&self, array: Array, limits: &Limits) -> Result<Input, String> {
        let Array { mut shape, values } = array;
        if shape.len() == self.axes.len() {
            shape.insert(0, 1);
        }
        if shape.len() != self.axes.len() + 1 {
            let (rank, deep) = (self.axes.len() + 1, shape.len());
            let takes = self.takes();
            return Err(format!(
                "{takes} is wanted, {rank} arrays deep, or one row of it; this is {deep} deep"
            ));
        }
        let rows = shape.first().copied().unwrap_or_default();
        if !(1..=limits.rows).contains(&rows) {
            return Err(format!("1 to {} rows are taken at once, these are {rows}", limits.rows));
        }
        for (i, (axis, &length)) in self.axes.iter().zip(shape.iter().skip(1)).enumerate() {
            match axis {
                Axis::Fixed(wanted) if length != *wanted => {
                    let takes = self.takes();
                    return Err(format!("{takes} is wanted; axis {} has length {length}", i + 1));
                }
                Axis::Free(name) if !(1..=limits.length).contains(&length) => {
                    return Err(format!("`{name}` may be 1 to {} long, this is {length}", limits.length));
                }
                _ => {}
            }
        }
        let first = |is_bad: &dyn Fn(f64) -> bool| {
            let (i, value) = values.iter().enumerate().find(|(_, value)| is_bad(**value))?;
            Some((i * rows / values.len(), value))
        };
        let tensor = if let Some(tokens) = self.tokens {
            let is_bad = |value: f64| value.fract() != 0.0 || !(0.0..tokens as f64).contains(&value);
            if let Some((row, value)) = first(&is_bad) {
                return Err(format!(
                    "row {row}: {value:?} is no token, a whole number from 0 to {}",
                    tokens - 1
                ));
            }
            Tensor::from_shape(&shape, &values.iter().map(|&value| value as i64).collect::<Vec<_>>())
        } else {
            if let Some((row, value)) = first(&|value| !(value as f32).is_finite()) {
                return Err(format!("row {row}: {value:?} is too large for single precision"));
            }
            Tensor::from_shape(&shape, &values.iter().map(|&value| value as f32).collect::<Vec<_>>())
        };
        Ok(Input { rows, tensor: tensor.map_err(|e| e.to_string())? })
    }

    pub fn run(&self, input: Input) -> Result<Outputs, String> {
        let rows = input.rows;
        let outputs = self
            .plan
            .run(tvec![input.tensor.into()])
            .map_err(|e| format!("the net cannot take this: {e:#}"))?;
        let values = |i: usize| -> Result<Vec<f32>, String> {
            let output = outputs.get(i).ok_or("an output is missing")?;
            let view = output.to_plain_array_view::<f32>().map_err(|e| e.to_string())?;
            Ok(view.iter().copied().collect())
        };
        Ok(match self.gives {
            Gives::Draws(_) => {
                Outputs::Draws(values(0)?.chunks((rows * self.size).max(1)).map(<[f32]>::to_vec).collect())
            }
            Gives::Moments => Outputs::Moments { mean: values(0)?, std: values(1)? },
        })
    }
}
