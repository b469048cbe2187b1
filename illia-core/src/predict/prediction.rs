//! All draws' outputs, and what follows from them.

use tch::Tensor;

use crate::error::{Error, Result, floating};
use crate::likelihood::{Likelihood, Uncertainty};

/// All draws' outputs for a batch.
///
/// ```
/// use illia_core::Prediction;
/// use illia_core::likelihood::Categorical;
/// use tch::{Device, Kind, Tensor};
///
/// let logits = Tensor::randn([100, 5, 3], (Kind::Float, Device::Cpu)); // [draws, batch, classes]
/// let prediction = Prediction::from_outputs(logits)?;
/// assert_eq!(prediction.predictive_mean(&Categorical).size(), [5, 3]);
/// assert_eq!(prediction.uncertainty(&Categorical).epistemic.size(), [5]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Prediction {
    pub(super) outputs: Tensor,
}

impl Prediction {
    /// From outputs `[draws, batch, ..]` made elsewhere: by an ensemble, say.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there are at least one draw and a batch axis; [`Error::Configuration`] for whole numbers.
    pub fn from_outputs(outputs: Tensor) -> Result<Self> {
        let given = outputs.size();
        if given.len() < 2 || given.first().is_none_or(|&draws| draws < 1) {
            let expected = "[draws, batch, ..]".to_owned();
            return Err(Error::Shape { layer: "Prediction".to_owned(), expected, given });
        }
        floating("outputs", &outputs)?;
        Ok(Prediction { outputs })
    }

    /// `[draws, batch, ..]`.
    pub fn outputs(&self) -> &Tensor {
        &self.outputs
    }

    /// How many draws.
    pub fn draws(&self) -> usize {
        self.outputs.size().first().map_or(0, |&draws| draws as usize)
    }

    /// The same draws through a function of the outputs: `prediction.map(|o| o.softmax(-1, Kind::Float))`.
    #[must_use]
    pub fn map(&self, f: impl FnOnce(&Tensor) -> Tensor) -> Prediction {
        Prediction { outputs: f(&self.outputs) }
    }

    /// The mean over the draws, `[batch, ..]`.
    pub fn mean(&self) -> Tensor {
        self.outputs.mean_dim(0i64, false, self.outputs.kind())
    }

    /// The standard deviation over the draws, `[batch, ..]`: with n - 1 in the denominator; 0 for a single draw.
    pub fn std(&self) -> Tensor {
        if self.draws() < 2 {
            return self.mean().zeros_like();
        }
        self.outputs.std_dim(0i64, true, false)
    }

    /// The `q`-quantile over the draws, `[batch, ..]`, interpolated between neighbours.
    ///
    /// Of the outputs: the noise of observations is not in it. [`Likelihood::quantile`] of [`outputs`](Self::outputs) has it.
    ///
    /// # Errors
    /// [`Error::Configuration`] unless 0 <= q <= 1.
    pub fn quantile(&self, q: f64) -> Result<Tensor> {
        if !(0.0..=1.0).contains(&q) {
            return Err(Error::configuration("quantile", q, "from 0 to 1"));
        }
        // Sorted by hand: libtorch's own quantile refuses more than 16 million elements.
        let (sorted, _) = self.outputs.sort(0, false);
        let position = q * (self.draws().saturating_sub(1)) as f64;
        let (low, high) = (position.floor() as i64, position.ceil() as i64);
        Ok(sorted.select(0, low).lerp(&sorted.select(0, high), position - position.floor()))
    }

    /// The central interval that holds `level` of the draws: (low, high), each `[batch, ..]`.
    ///
    /// Of the outputs: the noise of observations is not in it, so that fewer than `level` of those lie within.
    /// [`Likelihood::interval`] of [`outputs`](Self::outputs) has it.
    ///
    /// # Errors
    /// [`Error::Configuration`] unless 0 <= level <= 1.
    pub fn interval(&self, level: f64) -> Result<(Tensor, Tensor)> {
        if !(0.0..=1.0).contains(&level) {
            return Err(Error::configuration("level", level, "from 0 to 1"));
        }
        Ok((self.quantile(0.5 - level / 2.0)?, self.quantile(0.5 + level / 2.0)?))
    }

    /// Total, aleatoric and epistemic uncertainty of each example, `[batch]`: in nats for classes, as variances for
    /// numbers.
    pub fn uncertainty(&self, likelihood: &dyn Likelihood) -> Uncertainty {
        likelihood.uncertainty(&self.outputs)
    }

    /// The log of the predictive density of the targets, `[batch]`, in nats: the likelihood averaged over the draws.
    ///
    /// # Errors
    /// What the likelihood returns for targets that it does not fit.
    pub fn log_predictive(&self, likelihood: &dyn Likelihood, target: &Tensor) -> Result<Tensor> {
        likelihood.log_predictive(&self.outputs, target)
    }

    /// E[y | x] under the likelihood, averaged over the draws: probabilities for classes.
    pub fn predictive_mean(&self, likelihood: &dyn Likelihood) -> Tensor {
        let mean = likelihood.mean(&self.outputs);
        mean.mean_dim(0i64, false, mean.kind())
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    #[test]
    fn quantiles_interpolate_between_draws() {
        let outputs = Tensor::from_slice(&[3f64, 1.0, 2.0, 4.0]).reshape([4, 1]).to_kind(Kind::Float);
        let prediction = Prediction::from_outputs(outputs).unwrap();
        let at = |q| prediction.quantile(q).unwrap().double_value(&[0]);
        assert_eq!([at(0.0), at(0.5), at(1.0)], [1.0, 2.5, 4.0]);
        assert!((at(0.25) - 1.75).abs() < 1e-6);
        assert!(prediction.quantile(1.5).is_err());
    }
}
