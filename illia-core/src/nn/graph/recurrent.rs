//! Recurrent layers: an `LSTM`, `GRU` or `RNN` node for each layer and direction. Backwards is forwards over the steps in the other order:
//! tract 0.23 knows no other way that agrees with onnxruntime's for all three.

use tch::Tensor;

use super::super::recurrent::{Cell, Direction, Recurrent};
use crate::error::{Result, Within};
use crate::graph::{Attribute, Value, refused};
use crate::parameter::RandomParameter;

/// A cell's operator, and where libtorch keeps each of the gates that ONNX wants, in ONNX's order.
fn operator(kind: &str) -> Result<(&'static str, &'static [i64])> {
    match kind {
        // Input, output, forget, cell; libtorch has input, forget, cell, output.
        "Lstm" => Ok(("LSTM", &[0, 3, 1, 2])),
        // Update, reset, new; libtorch has reset, update, new.
        "Gru" => Ok(("GRU", &[1, 0, 2])),
        "Rnn" => Ok(("RNN", &[0])),
        other => Err(refused(other, "has no form in a graph")),
    }
}

impl<C: Cell> Recurrent<C> {
    /// From zeros, `[batch, seq, in]` to `[batch, seq, hidden * directions]`.
    pub(crate) fn written(&self, x: &Value) -> Result<Value> {
        x.holds(false)?;
        let directions = if self.config.bidirectional { 2 } else { 1 };
        let size = [&x.integers(&[1])?, &x.length(0)?, &x.integers(&[self.hidden])?];
        let size = Value::side_by_side(&size, 0)?;
        let axes = vec![Some(1), None, Some(self.hidden)];
        let start = Value::node("Expand", &[&x.number(0.0)?, &size], vec![], axes)?;
        // ONNX has the sequence in front.
        let mut y = x.transposed(&[1, 0, 2])?;
        let backwards = match directions {
            2 => Some(y.length(0)?.plus(&y.integer(-1)?)?.minus(&y.places(0)?)?),
            _ => None,
        };
        for layer in self.directions.chunks(directions) {
            y = match (layer, &backwards) {
                ([forth, back], Some(backwards)) => {
                    let turned = |x: &Value| {
                        Value::node(
                            "Gather",
                            &[x, backwards],
                            vec![("axis", Attribute::Int(0))],
                            x.axes().to_vec(),
                        )
                    };
                    let back = turned(&self.direction(&turned(&y)?, back, &start)?)?;
                    Value::side_by_side(&[&self.direction(&y, forth, &start)?, &back], 2)?
                }
                ([forth], _) => self.direction(&y, forth, &start)?,
                _ => return Err(refused(C::KIND, "has other directions")),
            };
        }
        y.transposed(&[1, 0, 2])
    }

    /// `[seq, batch, ..]` to `[seq, batch, hidden]`.
    fn direction(&self, x: &Value, direction: &Direction, start: &Value) -> Result<Value> {
        let (op, gates) = operator(C::KIND)?;
        let Direction { weight_ih, weight_hh, bias_ih, bias_hh, .. } = direction;
        let biases: Vec<&RandomParameter> = bias_ih.iter().chain(bias_hh).collect();
        for parameter in [weight_ih, weight_hh].into_iter().chain(biases.iter().copied()) {
            if x.is_random_weight(parameter)? {
                let problem = format!("`{}` has no closed form for mean and variance; export draws", C::KIND);
                return Err(refused("Moments", &problem));
            }
        }
        let of = |parameters: &[&RandomParameter]| {
            x.computed(parameters, "gates", |weights| {
                let mut each = weights.iter().map(|w| reordered(w, gates)).collect::<Result<Vec<_>>>()?;
                if let ([only], true) = (each.as_slice(), weights.iter().all(|w| w.dim() == 1)) {
                    // Of an input's bias and the recurrence's, which stand one behind the other, one stands for both.
                    each = vec![only.shallow_clone(), only.zeros_like()];
                }
                Tensor::f_cat(&each, 0).within(C::KIND).map(|w| w.unsqueeze(0))
            })
        };
        let (weight, recurrence) = (of(&[weight_ih])?, of(&[weight_hh])?);
        let bias = if biases.is_empty() { None } else { Some(of(&biases)?) };
        let mut inputs = vec![Some(x), Some(&weight), Some(&recurrence), bias.as_ref(), None, Some(start)];
        if C::MEMORY {
            inputs.push(Some(start));
        }
        let mut attributes = vec![("hidden_size", Attribute::Int(self.hidden))];
        if op == "GRU" {
            // The reset gate takes the recurrent bias in, as libtorch's.
            attributes.push(("linear_before_reset", Attribute::Int(1)));
        }
        let seq = x.axes().first().copied().flatten();
        let axes = vec![seq, Some(1), None, Some(self.hidden)];
        let y = Value::nodes(op, &inputs, attributes, &[Some(axes)])?.pop();
        let y = y.ok_or_else(|| refused(C::KIND, "has no output"))?;
        Value::node("Squeeze", &[&y, &y.integers(&[1])?], vec![], vec![seq, None, Some(self.hidden)])
    }
}

/// The gates, which lie one behind the other along the first axis, in another order.
fn reordered(weight: &Tensor, gates: &[i64]) -> Result<Tensor> {
    let parts = weight.f_chunk(gates.len() as i64, 0).within("Recurrent")?;
    let each: Vec<&Tensor> = gates.iter().filter_map(|&gate| parts.get(gate as usize)).collect();
    Tensor::f_cat(&each, 0).within("Recurrent")
}
