//! The ops of a chain, on values: what those of the same names in [`macro_support`](crate::macro_support) do to tensors. Axes are counted
//! without the batch.

use illia_shape::{Shape, feature_axis};

use super::axes::NAMED;
pub use super::moments::{gelu, leaky_relu, relu, sigmoid, tanh};
pub use super::pools::{adaptive_avg_pool, avg_pool, global_avg_pool, max_pool, upsample};
use super::recording::{Attribute, Value};
use super::refused;
use crate::error::Result;

impl Value {
    /// The same op on mean and variance: what lays elements out.
    pub(super) fn each(&self, f: impl Fn(&Value) -> Result<Value>) -> Result<Value> {
        let variance = self.variance_part().map(|v| f(&v)).transpose()?;
        Ok(Value::joined(f(&self.mean_part())?.laid_out_from(self), variance))
    }
}

/// `x`, or `alpha` (exp(x) - 1) below 0.
pub fn elu(x: &Value, alpha: f64) -> Result<Value> {
    x.map("Elu", vec![("alpha", Attribute::Float(alpha))])
}

/// x times its logistic function.
pub fn silu(x: &Value) -> Result<Value> {
    x.times(&x.map("Sigmoid", vec![])?)
}

/// log(1 + exp(x)).
pub fn softplus(x: &Value) -> Result<Value> {
    x.map("Softplus", vec![])
}

/// An axis counted without the batch, from the front; negative ones from the end.
fn with_batch(axis: i64) -> i64 {
    if axis < 0 { axis } else { axis + 1 }
}

/// Probabilities along an axis.
pub fn softmax(x: &Value, axis: i64) -> Result<Value> {
    x.map("Softmax", vec![("axis", Attribute::Int(with_batch(axis)))])
}

/// Logarithms of probabilities along an axis.
pub fn log_softmax(x: &Value, axis: i64) -> Result<Value> {
    x.map("LogSoftmax", vec![("axis", Attribute::Int(with_batch(axis)))])
}

/// The value itself: a graph is written in evaluation mode.
pub fn dropout(x: &Value, _p: f64, _train: bool) -> Result<Value> {
    Ok(x.clone())
}

/// All axes but the batch in one.
pub fn flatten(x: &Value) -> Result<Value> {
    x.each(|x| {
        if x.rank() < 2 {
            return x.unsqueezed(&[1]);
        }
        let length = x.axes.iter().skip(1).try_fold(1, |product, axis| axis.map(|n| product * n));
        Value::node("Flatten", &[x], vec![("axis", Attribute::Int(1))], vec![None, length])
    })
}

/// The same elements in another shape; named axes have the length that an input gives them.
pub fn reshape(x: &Value, shape: &[i64]) -> Result<Value> {
    let axes = || std::iter::once(None).chain(shape.iter().map(|&n| Some(n).filter(|&n| n > 0))).collect();
    x.each(|x| {
        if shape.iter().all(|&n| n > NAMED) {
            // The batch is worked out where nothing else is.
            let batch = if shape.contains(&-1) { 0 } else { -1 };
            let whole: Vec<i64> = std::iter::once(batch).chain(shape.iter().copied()).collect();
            return Ok(x.reshaped(&whole)?.with_axes(axes()));
        }
        let lengths = shape.iter().map(|&n| x.written_length(n)).collect::<Result<Vec<_>>>()?;
        let batch = x.length(0)?;
        let all: Vec<&Value> = std::iter::once(&batch).chain(&lengths).collect();
        let target = Value::side_by_side(&all, 0)?;
        Value::node("Reshape", &[x, &target], vec![], axes())
    })
}

/// The axes in another order.
pub fn permute(x: &Value, order: &[i64]) -> Result<Value> {
    let whole: Vec<i64> = std::iter::once(0).chain(order.iter().map(|axis| axis + 1)).collect();
    x.each(|x| x.transposed(&whole))
}

fn step(x: &Value, at: i64) -> Result<Value> {
    x.each(|x| {
        let mut axes = x.axes.clone();
        if axes.len() < 2 {
            return Err(refused("Step", "takes a sequence"));
        }
        axes.remove(1);
        Value::node("Gather", &[x, &x.integer(at)?], vec![("axis", Attribute::Int(1))], axes)
    })
}

/// The last step of a sequence.
pub fn last(x: &Value) -> Result<Value> {
    step(x, -1)
}

/// The first step of a sequence.
pub fn first(x: &Value) -> Result<Value> {
    step(x, 0)
}

/// The mean over a sequence's steps, taken as independent; refused where a mask leaves some of them out.
pub fn mean(x: &Value, mask: Option<&Value>) -> Result<Value> {
    if mask.is_some() {
        return Err(refused("mean", "has no form in a graph under a mask"));
    }
    let mean = x.mean_part().mean_over(&[1], false)?;
    let Some(v) = x.variance_part() else { return Ok(mean) };
    let v = v.mean_over(&[1], false)?;
    let variance = match x.axes.get(1).copied().flatten() {
        Some(n) => v.scaled(1.0 / n as f64)?,
        None => v.over(&x.real_length(1)?)?,
    };
    Ok(Value::joined(mean, Some(variance)))
}

impl Value {
    /// The length of an axis as a real number.
    pub(super) fn real_length(&self, axis: i64) -> Result<Value> {
        let length = self.length(axis)?;
        Value::node("Cast", &[&length], vec![("to", Attribute::RealKind)], vec![Some(1)])
    }
}

/// x + y: where a residual block's two ways meet.
pub fn add(x: &Value, y: &Value) -> Result<Value> {
    let sum = x.mean_part().plus(&y.mean_part())?;
    let variance = match (x.variance_part(), y.variance_part()) {
        (Some(a), Some(b)) => Some(a.plus(&b)?),
        (a, b) => match a.or(b) {
            // Of the sum's shape, where the other one is larger.
            Some(v) if v.axes != sum.axes => Some(v.plus(&sum.scaled(0.0)?)?),
            v => v,
        },
    };
    Ok(Value::joined(sum, variance))
}

/// x and a named value, their axes aligned at the end, the batch's in front.
fn aligned(x: &Value, value: &Value) -> Result<[Value; 2]> {
    let rank = x.rank().max(value.rank());
    let at = |x: &Value| -> Result<Value> {
        let missing: Vec<i64> = (1..).take(rank - x.rank()).collect();
        if missing.is_empty() { Ok(x.clone()) } else { x.each(|x| x.unsqueezed(&missing)) }
    };
    Ok([at(x)?, at(value)?])
}

/// x + value, broadcast.
pub fn add_value(x: &Value, value: &Value) -> Result<Value> {
    let [x, value] = aligned(x, value)?;
    add(&x, &value)
}

/// x times value, element by element, broadcast; of two random values the moments are no closed form here.
pub fn multiply_value(x: &Value, value: &Value) -> Result<Value> {
    let [x, value] = aligned(x, value)?;
    let product = x.mean_part().times(&value.mean_part())?;
    let variance = match (x.variance_part(), value.variance_part()) {
        (None, None) => None,
        (Some(v), None) => Some(v.times(&value.square()?)?),
        (None, Some(v)) => Some(v.times(&x.square()?)?),
        (Some(_), Some(_)) => {
            return Err(refused(
                "Moments",
                "`multiply` of two random values has no closed form; export draws",
            ));
        }
    };
    Ok(Value::joined(product, variance))
}

/// Values joined along an axis.
pub fn concat_along(axis: i64, values: &[Value]) -> Result<Value> {
    let means: Vec<Value> = values.iter().map(Value::mean_part).collect();
    let joined = |values: &[Value]| Value::side_by_side(&values.iter().collect::<Vec<_>>(), axis + 1);
    let mean = joined(&means)?;
    if values.iter().all(|value| value.variance.is_none()) {
        return Ok(mean);
    }
    let variances = values.iter().zip(&means).map(|(value, mean)| match value.variance_part() {
        Some(v) => Ok(v),
        None => mean.scaled(0.0),
    });
    let variance = joined(&variances.collect::<Result<Vec<_>>>()?)?;
    Ok(Value::joined(mean, Some(variance)))
}

/// The branches joined along their feature axis.
pub fn concat(shape: Shape, branches: &[Value]) -> Result<Value> {
    concat_along(feature_axis(shape) as i64, branches)
}
