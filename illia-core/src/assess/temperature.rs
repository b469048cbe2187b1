//! Temperature scaling: one number, fitted after training, that calibrates the probabilities.

use tch::{Kind, Tensor};

use super::HeldOut;
use crate::error::{Error, Result};
use crate::likelihood::{Categorical, Likelihood};

/// A temperature T that divides the logits (Guo et al. 2017, section 4.2): above 1 it makes probabilities more modest,
/// below 1 bolder; the most probable class of a single draw stays.
///
/// ```
/// use illia_core::Temperature;
/// use tch::Tensor;
///
/// // 98 % sure each time, right three times of four: as sure as that would be 75 %.
/// let logits = Tensor::from_slice(&[4.0f32, 0.0]).repeat([4, 1]);
/// let temperature = Temperature::fit(&logits, &Tensor::from_slice(&[0i64, 0, 0, 1]))?;
/// let p = temperature.probabilities(&logits)?;
/// assert!((p.double_value(&[0, 0]) - 0.75).abs() < 1e-4);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperature {
    value: f64,
}

/// log T is looked for within ± this: T from 0.01 to 100.
const REACH: f64 = 4.605_170_185_988_091;
/// The first look, over the whole reach: the mixture over draws may have more than one valley.
const GRID: i32 = 24;
/// Golden sections after it; each leaves 0.618 of the bracket: 1e-7 in log T.
const SECTIONS: usize = 32;
/// How near to the end of the reach a search that runs into it ends, with room for the last sections' rounding.
const AT_BOUND: f64 = 1e-3;

impl Temperature {
    /// The temperature with the lowest negative log predictive density on held-out logits, `[batch, classes]` or
    /// `[draws, batch, classes]`, and labels `[batch]`. Over draws it is that of the mean of the draws' tempered
    /// probabilities. Between 0.01 and 100: separable data have no best temperature, and the mean over draws that disagree is
    /// as bold as it gets at the lowest. One that stops there says so in a `tracing` warning and by
    /// [`is_at_bound`](Self::is_at_bound).
    ///
    /// # Errors
    /// [`Error::Shape`] for other shapes; [`Error::Configuration`] for no examples, logits that are NaN or infinite
    /// upwards, and labels that are no classes.
    pub fn fit(logits: &Tensor, labels: &Tensor) -> Result<Self> {
        let logits = draws(logits)?.detach().to_kind(Kind::Float);
        if logits.numel() == 0 {
            return Err(Error::configuration("logits", "empty", "at least one example"));
        }
        if logits.isnan().logical_or(&logits.isposinf()).any().int64_value(&[]) != 0 {
            return Err(Error::configuration("logits", "NaN or infinity", "numbers"));
        }
        let cost = |log_t: f64| -> Result<f64> {
            let log_p = Categorical.log_predictive(&(&logits / log_t.exp()), labels)?;
            Ok(-log_p.mean(Kind::Double).double_value(&[]))
        };
        let step = REACH / f64::from(GRID);
        let mut best = (0.0, cost(0.0)?);
        for i in (-GRID..=GRID).filter(|i| *i != 0) {
            let log_t = f64::from(i) * step;
            let cost = cost(log_t)?;
            if cost < best.1 {
                best = (log_t, cost);
            }
        }
        let ratio = (5f64.sqrt() - 1.0) / 2.0;
        let (mut low, mut high) = ((best.0 - step).max(-REACH), (best.0 + step).min(REACH));
        let (mut left, mut right) = (high - ratio * (high - low), low + ratio * (high - low));
        let (mut at_left, mut at_right) = (cost(left)?, cost(right)?);
        for _ in 0..SECTIONS {
            if at_left <= at_right {
                (high, right, at_right) = (right, left, at_left);
                left = high - ratio * (high - low);
                at_left = cost(left)?;
            } else {
                (low, left, at_left) = (left, right, at_right);
                right = low + ratio * (high - low);
                at_right = cost(right)?;
            }
        }
        let fitted = Temperature { value: ((low + high) / 2.0).exp() };
        if fitted.is_at_bound() {
            tracing::warn!(target: "illia::temperature", "{}", fitted.advice());
        }
        Ok(fitted)
    }

    /// The temperature of a held-out set of logits, which is used up by it: what is calibrated next (a conformal predictor,
    /// say) needs examples of its own.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and [`Error::Configuration`] for a set without labels.
    pub fn fit_held_out(set: HeldOut) -> Result<Self> {
        let (logits, labels) = set.labelled()?;
        Temperature::fit(&logits, &labels)
    }

    /// T.
    pub fn value(self) -> f64 {
        self.value
    }

    /// Whether the search stopped at an end of its range: the best temperature lies beyond it, or there is none.
    pub fn is_at_bound(self) -> bool {
        REACH - self.value.ln().abs() < AT_BOUND
    }

    /// What it means to have stopped at this bound.
    fn advice(self) -> String {
        let meaning = if self.value < 1.0 {
            "the labels are separable, or the draws disagree so much that their mean stays too modest however bold each is"
        } else {
            "the logits say nothing of these labels"
        };
        format!("the temperature stopped at its bound of {:.2}: {meaning}", self.value)
    }

    /// The logits divided by T.
    pub fn apply(self, logits: &Tensor) -> Tensor {
        logits / self.value
    }

    /// Calibrated class probabilities `[batch, classes]` of logits `[batch, classes]` or `[draws, batch, classes]`: the
    /// mean of the draws' tempered softmax.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of axes.
    pub fn probabilities(self, logits: &Tensor) -> Result<Tensor> {
        let p = self.apply(&draws(logits)?).softmax(-1, None::<Kind>);
        Ok(p.mean_dim(0i64, false, p.kind()))
    }
}

/// `[draws, batch, classes]`, of one draw where there is no such axis.
fn draws(logits: &Tensor) -> Result<Tensor> {
    match logits.dim() {
        2 => Ok(logits.unsqueeze(0)),
        3 => Ok(logits.shallow_clone()),
        _ => {
            let expected = "[batch, classes] or [draws, batch, classes] of logits".to_owned();
            Err(Error::Shape { layer: "Temperature".to_owned(), expected, given: logits.size() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overconfidence_by_a_factor_is_found_and_undone() {
        // Labels drawn from softmax(z) in exact shares: 3 logits (0, log 2, log 5) give 1/8, 2/8, 5/8.
        let z = Tensor::from_slice(&[1.0, 2.0, 5.0]).log().to_kind(Kind::Float).repeat([8, 1]);
        let labels = Tensor::from_slice(&[0i64, 1, 1, 2, 2, 2, 2, 2]);
        for factor in [0.3, 1.0, 2.5] {
            let fitted = Temperature::fit(&(&z * factor), &labels).unwrap();
            assert!((fitted.value() / factor - 1.0).abs() < 1e-3, "{factor}: {}", fitted.value());
        }
    }

    #[test]
    fn draws_are_tempered_each_and_then_averaged() {
        let one = Tensor::from_slice(&[3.0f32, 0.0, 0.0, 3.0]).reshape([2, 2]);
        let logits = Tensor::stack(&[&one, &(&one * 0.5)], 0);
        let labels = Tensor::from_slice(&[0i64, 0]);
        let fitted = Temperature::fit(&logits, &labels).unwrap();
        // Right and wrong by the same logits: nothing is better than a coin, at the highest temperature.
        assert!(fitted.value() > 99.0 && fitted.is_at_bound());
        assert!(fitted.advice().contains("say nothing"), "{}", fitted.advice());
        let expected = ((&one / fitted.value()).softmax(-1, None::<Kind>)
            + (&one * 0.5 / fitted.value()).softmax(-1, None::<Kind>))
            / 2.0;
        assert!(fitted.probabilities(&logits).unwrap().allclose(&expected, 1e-6, 1e-7, false));
    }

    #[test]
    fn a_search_that_stops_at_its_bound_says_so() {
        // Always right: the bolder the better.
        let logits = Tensor::from_slice(&[3.0f32, 0.0, 0.0, 3.0]).reshape([2, 2]);
        let fitted = Temperature::fit(&logits, &Tensor::from_slice(&[0i64, 1])).unwrap();
        assert!(fitted.is_at_bound() && fitted.value() < 0.0101);
        assert!(fitted.advice().contains("0.01: the labels are separable"), "{}", fitted.advice());
        // Two draws of three are right, each time: their mean can be no surer than 2/3, and is too modest for labels that are
        // always so.
        let draws = Tensor::stack(&[&logits, &logits, &-&logits], 0);
        assert!(Temperature::fit(&draws, &Tensor::from_slice(&[0i64, 1])).unwrap().is_at_bound());
        // One wrong in four has a best temperature within.
        let logits = Tensor::from_slice(&[3.0f32, 0.0]).repeat([4, 1]);
        assert!(!Temperature::fit(&logits, &Tensor::from_slice(&[0i64, 0, 0, 1])).unwrap().is_at_bound());
    }

    #[test]
    fn what_can_not_be_fitted_is_refused() {
        let logits = Tensor::from_slice(&[3.0f32, 0.0]).reshape([1, 2]);
        let label = Tensor::from_slice(&[0i64]);
        assert!(Temperature::fit(&logits, &(&label + 2)).is_err());
        assert!(Temperature::fit(&(&logits * f64::NAN), &label).is_err());
        assert!(Temperature::fit(&logits.flatten(0, -1), &label).is_err());
        assert!(Temperature::fit(&logits.narrow(0, 0, 0), &label.narrow(0, 0, 0)).is_err());
    }
}
