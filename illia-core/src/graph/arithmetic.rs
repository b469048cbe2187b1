//! Elementwise arithmetic of values, with numpy's broadcasting.

use super::Value;
use super::recording::Attribute;
use crate::error::Result;

/// The axes of what two broadcast to, aligned at their ends.
fn broadcast(a: &[Option<i64>], b: &[Option<i64>]) -> Vec<Option<i64>> {
    let rank = a.len().max(b.len());
    let at = |axes: &[Option<i64>], i: usize| match (i + axes.len()).checked_sub(rank) {
        Some(i) => axes.get(i).copied().flatten(),
        None => Some(1),
    };
    let joined = |i: usize| match (at(a, i), at(b, i)) {
        (Some(1), other) | (other, Some(1)) => other,
        (a, b) => a.or(b),
    };
    (0..rank).map(joined).collect()
}

macro_rules! binary {
    ($($name:ident => $op:literal),*) => {$(
        #[doc = concat!("`", $op, "`, broadcast.")]
        pub(crate) fn $name(&self, other: &Value) -> Result<Value> {
            Value::node($op, &[self, other], vec![], broadcast(&self.axes, &other.axes))
        }
    )*};
}

macro_rules! unary {
    ($($name:ident => $op:literal),*) => {$(
        #[doc = concat!("`", $op, "`, element by element.")]
        pub(crate) fn $name(&self) -> Result<Value> {
            self.map($op, vec![])
        }
    )*};
}

impl Value {
    binary!(plus => "Add", minus => "Sub", times => "Mul", over => "Div", larger => "Max");
    unary!(root => "Sqrt", exponential => "Exp", logarithm => "Log", error_function => "Erf", negative => "Neg");

    /// An operator that keeps the shape.
    pub(crate) fn map(&self, op: &'static str, attributes: Vec<(&'static str, Attribute)>) -> Result<Value> {
        Value::node(op, &[self], attributes, self.axes.clone())
    }

    /// Plus a number.
    pub(crate) fn shifted(&self, by: f64) -> Result<Value> {
        self.plus(&self.number(by)?)
    }

    /// Times a number.
    pub(crate) fn scaled(&self, by: f64) -> Result<Value> {
        self.times(&self.number(by)?)
    }

    /// Times itself.
    pub(crate) fn square(&self) -> Result<Value> {
        self.times(self)
    }

    /// `[.., n, k]` times `[.., k, m]`.
    pub(crate) fn matmul(&self, other: &Value) -> Result<Value> {
        let mut axes = self.axes.clone();
        if let Some(last) = axes.last_mut() {
            *last = other.axes.last().copied().flatten();
        }
        Value::node("MatMul", &[self, other], vec![], axes)
    }

    /// `ReduceMean` or `ReduceSum` over axes counted with the batch.
    pub(crate) fn mean_over(&self, over: &[i64], keep: bool) -> Result<Value> {
        let attributes =
            vec![("axes", Attribute::Ints(over.to_vec())), ("keepdims", Attribute::Int(i64::from(keep)))];
        Value::node("ReduceMean", &[self], attributes, self.without(over, keep))
    }

    /// The sum over axes counted with the batch.
    pub(crate) fn sum_over(&self, over: &[i64], keep: bool) -> Result<Value> {
        let attributes = vec![("keepdims", Attribute::Int(i64::from(keep)))];
        Value::node("ReduceSum", &[self, &self.integers(over)?], attributes, self.without(over, keep))
    }

    /// The axes without these, or with 1 in their place.
    fn without(&self, over: &[i64], keep: bool) -> Vec<Option<i64>> {
        let rank = self.rank() as i64;
        let gone = |i: i64| over.iter().any(|&axis| axis == i || axis + rank == i);
        let each = self.axes.iter().zip(0..).filter_map(|(axis, i)| match (gone(i), keep) {
            (true, true) => Some(Some(1)),
            (true, false) => None,
            (false, _) => Some(*axis),
        });
        each.collect()
    }

    /// The axes in another order, all of them counted.
    pub(crate) fn transposed(&self, order: &[i64]) -> Result<Value> {
        let axes = order.iter().map(|&i| self.axes.get(i as usize).copied().flatten()).collect();
        Value::node("Transpose", &[self], vec![("perm", Attribute::Ints(order.to_vec()))], axes)
    }

    /// The same elements in another shape: 0 keeps an axis, -1 is worked out.
    pub(crate) fn reshaped(&self, shape: &[i64]) -> Result<Value> {
        let known = |(i, &n): (usize, &i64)| match n {
            0 => self.axes.get(i).copied().flatten(),
            n => Some(n).filter(|&n| n > 0),
        };
        let axes = shape.iter().enumerate().map(known).collect();
        Value::node("Reshape", &[self, &self.integers(shape)?], vec![], axes)
    }

    /// New axes of length 1, as counted behind.
    pub(crate) fn unsqueezed(&self, at: &[i64]) -> Result<Value> {
        let mut axes = self.axes.clone();
        for &i in at {
            axes.insert((i.max(0) as usize).min(axes.len()), Some(1));
        }
        Value::node("Unsqueeze", &[self, &self.integers(at)?], vec![], axes)
    }

    /// The lengths of all axes, `[rank]`.
    pub(crate) fn shape(&self) -> Result<Value> {
        Value::node("Shape", &[&self.mean_part()], vec![], vec![Some(self.rank() as i64)])
    }

    /// The length of one axis, `[1]`.
    pub(crate) fn length(&self, axis: i64) -> Result<Value> {
        if let Some(Some(n)) = self.axes.get(axis as usize) {
            return self.integers(&[*n]);
        }
        let (from, to) = (self.integers(&[axis])?, self.integers(&[axis + 1])?);
        Value::node("Slice", &[&self.shape()?, &from, &to], vec![], vec![Some(1)])
    }

    /// 0, 1, .., as many as an axis has places: whole numbers.
    pub(crate) fn places(&self, axis: i64) -> Result<Value> {
        let end = Value::node("Squeeze", &[&self.length(axis)?, &self.integers(&[0])?], vec![], vec![])?;
        let length = self.axes.get(axis as usize).copied().flatten();
        Value::node("Range", &[&self.integer(0)?, &end, &self.integer(1)?], vec![], vec![length])
    }

    /// Values one behind the other.
    pub(crate) fn side_by_side(values: &[&Value], axis: i64) -> Result<Value> {
        let mut axes = values.first().map(|first| first.axes.clone()).unwrap_or_default();
        let lengths = values.iter().map(|value| value.axes.get(axis as usize).copied().flatten());
        if let Some(place) = axes.get_mut(axis as usize) {
            *place = lengths.sum();
        }
        Value::node("Concat", values, vec![("axis", Attribute::Int(axis))], axes)
    }
}
