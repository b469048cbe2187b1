//! What to do next, from draws of one function: the action to take, the label to ask for.

use tch::{Kind, Tensor};

use super::Prediction;
use crate::error::{Error, Result};
use crate::likelihood::Likelihood;
use crate::noise::{self, Key};

impl Prediction {
    /// Thompson sampling: for each example of a prediction whose outputs `[draws, batch, actions]` are the values of actions, the action
    /// that is best under one draw, picked by the noise that `key` stands for, `[batch]`. So each action is taken with the chance
    /// that it is the best one, as far as the draws know (Thompson 1933; Russo et al. 2018, "A tutorial on Thompson sampling").
    ///
    /// ```
    /// use illia_core::noise::Stream;
    /// use illia_core::Prediction;
    /// use tch::Tensor;
    ///
    /// // Two draws, one context, two actions: under one draw the first is better, under the other the second.
    /// let outputs = Tensor::from_slice(&[1f32, 0.0, 0.0, 1.0]).reshape([2, 1, 2]);
    /// let prediction = Prediction::from_outputs(outputs)?;
    /// let action = prediction.thompson(Stream::new().next_key())?;
    /// assert_eq!(action.size(), [1]);
    /// # Ok::<(), illia_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] for outputs of other axes, or without an action; [`Error::Configuration`] for values that are not finite.
    pub fn thompson(&self, key: Key) -> Result<Tensor> {
        let outputs = self.outputs();
        let &[draws, batch, actions] = outputs.size().as_slice() else {
            return Err(shape("thompson", "[draws, batch, actions]", outputs));
        };
        if actions < 1 {
            return Err(shape("thompson", "[draws, batch, actions], at least one action", outputs));
        }
        finite("values", outputs)?;
        let uniforms = noise::uniforms(key, &[batch], Kind::Double, outputs.device());
        let draw = (uniforms * draws as f64).to_kind(Kind::Int64).clamp_max(draws - 1);
        let draw = draw.reshape([1, batch, 1]).expand([1, batch, actions], false);
        Ok(outputs.gather(0, &draw, false).squeeze_dim(0).argmax(-1, false))
    }

    /// Which examples' labels would tell most about the weights: `how_many` rows of the prediction, drawn without replacement with a chance
    /// in proportion to the mutual information of label and weights (BALD, Houlsby et al. 2011; drawn rather than the largest,
    /// which are often one example many times: Kirsch et al. 2021), by the noise that `key` stands for.
    ///
    /// That information is the epistemic part of [`uncertainty`](Self::uncertainty); of numbers, it is the variance
    /// of the function. Rows that have their label already are left out of the prediction.
    ///
    /// ```
    /// use illia_core::likelihood::Categorical;
    /// use illia_core::noise::Stream;
    /// use illia_core::Prediction;
    /// use tch::Tensor;
    ///
    /// // The draws agree about the first example and differ about the second.
    /// let logits = Tensor::from_slice(&[9f32, 0.0, 9.0, 0.0, 9.0, 0.0, 0.0, 9.0]).reshape([2, 2, 2]);
    /// let prediction = Prediction::from_outputs(logits)?;
    /// assert_eq!(prediction.ask(&Categorical, 1, Stream::new().next_key())?, [1]);
    /// # Ok::<(), illia_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Configuration`] for no example, more than there are, and uncertainties that are not finite.
    pub fn ask(&self, likelihood: &dyn Likelihood, how_many: usize, key: Key) -> Result<Vec<i64>> {
        let information = self.uncertainty(likelihood).epistemic.to_kind(Kind::Double);
        let there = information.numel();
        if how_many == 0 || how_many > there {
            return Err(Error::configuration(
                "how_many",
                how_many,
                &format!("from 1 to the {there} there are"),
            ));
        }
        finite("uncertainty", &information)?;
        // With Gumbel noise on their logs, the largest are such a draw (Efraimidis & Spirakis 2006).
        let uniforms = noise::uniforms(key, &[there as i64], Kind::Double, information.device());
        let gumbel = -(-uniforms.clamp(LEAST, 1.0 - LEAST).log()).log();
        let (_, rows) = (information.clamp_min(LEAST).log() + gumbel).topk(how_many as i64, 0, true, true);
        Vec::try_from(rows).map_err(|error| Error::torch("ask", &error))
    }
}

/// The least information, which rounding may make negative, and the least of a uniform.
const LEAST: f64 = 1e-12;

fn finite(what: &str, numbers: &Tensor) -> Result<()> {
    match numbers.isfinite().all().int64_value(&[]) {
        0 => Err(Error::configuration(what, "NaN or infinity", "finite numbers")),
        _ => Ok(()),
    }
}

fn shape(layer: &str, expected: &str, outputs: &Tensor) -> Error {
    Error::Shape { layer: layer.to_owned(), expected: expected.to_owned(), given: outputs.size() }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::likelihood::{Categorical, Gaussian};

    fn key(draw: u64) -> Key {
        Key { seed: 4, stream: 1, draw }
    }

    #[test]
    fn an_action_is_taken_as_often_as_it_is_the_best() {
        // Under 3 of 10 draws the first action is best, under 7 the third.
        let best = |action: i64| {
            Tensor::zeros([3], (Kind::Float, Device::Cpu)).index_fill(
                0,
                &Tensor::from(action).unsqueeze(0),
                1.0,
            )
        };
        let draws: Vec<Tensor> = (0..10).map(|draw| best(if draw < 3 { 0 } else { 2 })).collect();
        let n = 4000;
        let outputs = Tensor::stack(&draws, 0).unsqueeze(1).expand([10, n, 3], false);
        let actions = Prediction::from_outputs(outputs).unwrap().thompson(key(0)).unwrap();
        let share =
            |action: i64| actions.eq(action).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
        // A share of 0.3 of 4,000 is known to sqrt(0.21 / 4000) = 0.0072; five of them.
        assert!((share(0) - 0.3).abs() < 0.036, "{}", share(0));
        assert_eq!(share(1), 0.0);
        assert!(
            Prediction::from_outputs(Tensor::zeros([2, 3], (Kind::Float, Device::Cpu)))
                .unwrap()
                .thompson(key(0))
                .is_err()
        );
    }

    #[test]
    fn rows_are_drawn_in_proportion_to_what_they_tell() {
        // Variances of 1 and 3 over the draws.
        let outputs =
            Tensor::from_slice(&[1f64, -1.0, 3f64.sqrt(), -(3f64.sqrt())]).reshape([2, 2, 1]).transpose(0, 1);
        let prediction = Prediction::from_outputs(outputs).unwrap();
        let likelihood = Gaussian::fixed(1.0).unwrap();
        let n = 2000;
        let second = (0..n).filter(|&draw| prediction.ask(&likelihood, 1, key(draw)).unwrap() == [1]).count()
            as f64
            / n as f64;
        // sqrt(0.75 · 0.25 / 2000) = 0.0097; five of them.
        assert!((second - 0.75).abs() < 0.049, "{second}");
        let mut both = prediction.ask(&likelihood, 2, key(0)).unwrap();
        both.sort_unstable();
        assert_eq!(both, [0, 1]);
        for wrong in [0, 3] {
            assert!(prediction.ask(&likelihood, wrong, key(0)).is_err());
        }
        let nan = prediction.map(|outputs| outputs * f64::NAN);
        assert!(nan.ask(&Categorical, 1, key(0)).is_err());
        let values = nan.map(|outputs| outputs.repeat([1, 1, 2]));
        assert!(matches!(values.thompson(key(0)), Err(Error::Configuration { .. })));
    }
}
