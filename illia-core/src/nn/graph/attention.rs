//! Attention by its formula: softmax(q kᵀ / sqrt(width)) v, for each head.

use super::super::{CrossAttention, SelfAttention};
use crate::error::Result;
use crate::graph::{Attribute, Value, refused};

impl SelfAttention {
    /// From a sequence and, perhaps, its mask.
    pub(crate) fn written(&self, inputs: &[&Value]) -> Result<Value> {
        let (x, mask) = match inputs {
            [x] => (*x, None),
            [x, mask] => (*x, Some(*mask)),
            _ => return Err(refused("SelfAttention", "takes a sequence and a mask")),
        };
        let [q, k, v] = parts(&self.in_proj.written(x)?)?;
        self.out_proj.written(&attend(self.heads, [&q, &k, &v], mask, self.causal)?)
    }
}

impl CrossAttention {
    /// From a sequence, a memory and, perhaps, the memory's mask.
    pub(crate) fn written(&self, inputs: &[&Value]) -> Result<Value> {
        let (x, memory, mask) = match inputs {
            [x, memory] => (*x, *memory, None),
            [x, memory, mask] => (*x, *memory, Some(*mask)),
            _ => return Err(refused("CrossAttention", "takes a sequence, a memory and a mask")),
        };
        let [k, v] = parts(&self.key_value.written(memory)?)?;
        let q = self.query.written(x)?;
        self.out_proj.written(&attend(self.heads, [&q, &k, &v], mask, false)?)
    }
}

/// The last axis in equal parts.
fn parts<const N: usize>(x: &Value) -> Result<[Value; N]> {
    let mut axes = x.axes().to_vec();
    if let Some(last) = axes.last_mut() {
        *last = last.map(|n| n / N as i64);
    }
    let outputs: [_; N] = std::array::from_fn(|_| Some(axes.clone()));
    let parts = Value::nodes("Split", &[Some(x)], vec![("axis", Attribute::Int(-1))], &outputs)?;
    parts.try_into().map_err(|_| refused("Split", "has other parts"))
}

/// `[batch, seq, features]` of queries, keys and values to the heads' outputs side by side.
fn attend(heads: i64, [q, k, v]: [&Value; 3], mask: Option<&Value>, causal: bool) -> Result<Value> {
    let width = q.axes().last().copied().flatten().unwrap_or(heads) / heads.max(1);
    let split = |x: &Value, order: &[i64]| x.reshaped(&[0, 0, heads, width])?.transposed(order);
    let (q, k, v) = (split(q, &[0, 2, 1, 3])?, split(k, &[0, 2, 3, 1])?, split(v, &[0, 2, 1, 3])?);
    let scores = q.scaled(1.0 / (width as f64).sqrt())?.matmul(&k)?;
    let softmax = |scores: &Value| scores.map("Softmax", vec![("axis", Attribute::Int(-1))]);
    let weights = match allowed(&k, mask, causal)? {
        None => softmax(&scores)?,
        Some(allowed) => {
            let weights = softmax(&scores.plus(&allowed.shifted(-1.0)?.scaled(FAR)?)?)?;
            // Where nothing is attended to, the output is 0: such a row's softmax says nothing.
            if mask.is_some() { weights.times(&allowed)? } else { weights }
        }
    };
    weights.matmul(&v)?.transposed(&[0, 2, 1, 3])?.reshaped(&[0, 0, heads * width])
}

/// What a score loses that is not attended to: far beyond any other, and half precision has it.
const FAR: f64 = 6e4;

/// 1 where it is attended to and 0 elsewhere, so that it broadcasts to `[batch, heads, seq, length]`, for keys `[batch, heads, width, length]`.
/// Numbers rather than truth values, which tract 0.23 does not broadcast in all places.
fn allowed(k: &Value, mask: Option<&Value>, causal: bool) -> Result<Option<Value>> {
    let real = |truth: &Value| truth.map("Cast", vec![("to", Attribute::RealKind)]);
    let mask = mask.map(|mask| -> Result<Value> {
        mask.holds(false)?;
        real(&mask.map("Cast", vec![("to", Attribute::TruthKind)])?)?.unsqueezed(&[1, 2])
    });
    let mask = mask.transpose()?;
    if !causal {
        return Ok(mask);
    }
    let places = k.places(3)?;
    let length = places.axes().to_vec();
    // Position i sees j <= i.
    let square = [length.clone(), length].concat();
    let before = real(&Value::node("LessOrEqual", &[&places, &places.unsqueezed(&[1])?], vec![], square)?)?;
    match mask {
        None => Ok(Some(before)),
        Some(mask) => Ok(Some(mask.times(&before)?)),
    }
}
