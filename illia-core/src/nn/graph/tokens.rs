//! Tables of vectors: of tokens, of places, and the one that stands in front.

use super::super::{ClassToken, Embedding, PositionEmbedding};
use crate::error::{Result, Within};
use crate::graph::{Attribute, Value, linear_map, ops, refused};

impl Embedding {
    /// `Gather`, of a table with its padding's row.
    pub(crate) fn written(&self, tokens: &Value) -> Result<Value> {
        tokens.holds(true)?;
        let table = self.table(tokens)?;
        let axes: Vec<Option<i64>> = tokens.axes().iter().copied().chain([Some(self.dim)]).collect();
        let look_up = |table: &Value| {
            Value::node("Gather", &[table, tokens], vec![("axis", Attribute::Int(0))], axes.clone())
        };
        let variance = table.variance_part().map(|table| look_up(&table)).transpose()?;
        Ok(Value::joined(look_up(&table.mean_part())?, variance))
    }

    /// The table as an output layer: `MatMul` with its transpose.
    pub(crate) fn written_tied(&self, x: &Value) -> Result<Value> {
        x.holds(false)?;
        if x.is_random_weight(&self.weight)? {
            // The table is in the input already.
            return Err(refused(
                "Moments",
                "a tied table has no closed form for mean and variance; export draws",
            ));
        }
        let table = x.weight_as(&self.weight, "table", |w| self.with_padding(w).within("Tied"))?;
        linear_map(x, &table.transposed(&[1, 0])?, None, |x, w, _| x.matmul(w))
    }

    fn table(&self, tokens: &Value) -> Result<Value> {
        match self.config.max_norm {
            None => tokens.weight_as(&self.weight, "table", |w| self.with_padding(w).within("Embedding")),
            Some(_) if tokens.is_random_weight(&self.weight)? => {
                Err(refused("Moments", "`max_norm` has no closed form for mean and variance; export draws"))
            }
            Some(norm) => tokens.computed(&[&self.weight], "scaled", |w| match w {
                [w] => Ok(self.renormalised(&self.with_padding(w).within("Embedding")?, norm)),
                _ => Err(refused("Embedding", "has one table")),
            }),
        }
    }
}

impl PositionEmbedding {
    /// The first rows of the table, as many as the sequence has places, added.
    pub(crate) fn written(&self, x: &Value) -> Result<Value> {
        x.holds(false)?;
        let table = x.weight(&self.weight)?;
        let rows = |table: &Value| {
            let (from, to) = (table.integers(&[0])?, x.length(1)?);
            let axes = vec![x.axes().get(1).copied().flatten(), table.axes().get(1).copied().flatten()];
            Value::node("Slice", &[table, &from, &to], vec![], axes)
        };
        let variance = table.variance_part().map(|table| rows(&table)).transpose()?;
        ops::add(x, &Value::joined(rows(&table.mean_part())?, variance))
    }
}

impl ClassToken {
    /// The vector for each example, in front of the sequence.
    pub(crate) fn written(&self, x: &Value) -> Result<Value> {
        x.holds(false)?;
        let token = x.weight(&self.weight)?;
        let features = token.axes().first().copied().flatten();
        let (batch, rest) = (x.length(0)?, x.integers(&[1, features.unwrap_or(-1)])?);
        let size = Value::side_by_side(&[&batch, &rest], 0)?;
        let axes = vec![None, Some(1), features];
        let each = |token: &Value| Value::node("Expand", &[token, &size], vec![], axes.clone());
        let variance = token.variance_part().map(|token| each(&token)).transpose()?;
        let first = Value::joined(each(&token.mean_part())?, variance);
        ops::concat_along(0, &[first, x.clone()])
    }
}
