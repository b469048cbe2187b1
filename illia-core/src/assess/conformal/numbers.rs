//! Scores of numbers, one for each example.

use tch::{Kind, Tensor};

use super::{Score, belong, share};
use crate::assess::metrics::finite;
use crate::error::{Error, Result};

/// |target - prediction|, for predictions `[batch]`: intervals of one width.
#[derive(Debug, Clone, Copy, Default)]
pub struct Residual;

impl Score for Residual {
    type Region = Intervals;

    fn of_targets(&self, outputs: &Tensor, target: &Tensor) -> Result<Vec<f64>> {
        let predictions = column("predictions", outputs)?;
        let target = targets(target, predictions.len())?;
        Ok(predictions.iter().zip(target).map(|(f, y)| (y - f).abs()).collect())
    }

    fn region(&self, outputs: &Tensor, thresholds: &[f64]) -> Result<Intervals> {
        let predictions = column("predictions", outputs)?;
        belong("thresholds", thresholds, predictions.len())?;
        let ends = predictions.iter().zip(thresholds).map(|(f, q)| (f - q, f + q));
        Ok(Intervals::new(ends, predictions.iter().copied()))
    }
}

/// |target - mean| / std, for pairs (mean, std) `[batch, 2]`: intervals as wide as the predicted spread says (Papadopoulos et al. 2002;
/// Lei et al. 2018). The standard deviation may be any positive measure of an example's difficulty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Normalised;

impl Normalised {
    fn pairs(outputs: &Tensor) -> Result<Vec<(f64, f64)>> {
        let pairs = pairs("(mean, std)", outputs)?;
        match pairs.iter().find(|(_, std)| *std <= 0.0) {
            Some((_, std)) => Err(Error::configuration("std", std, "above 0")),
            None => Ok(pairs),
        }
    }
}

impl Score for Normalised {
    type Region = Intervals;

    fn of_targets(&self, outputs: &Tensor, target: &Tensor) -> Result<Vec<f64>> {
        let pairs = Self::pairs(outputs)?;
        let target = targets(target, pairs.len())?;
        Ok(pairs.iter().zip(target).map(|((mean, std), y)| (y - mean).abs() / std).collect())
    }

    fn region(&self, outputs: &Tensor, thresholds: &[f64]) -> Result<Intervals> {
        let pairs = Self::pairs(outputs)?;
        belong("thresholds", thresholds, pairs.len())?;
        let ends = pairs.iter().zip(thresholds).map(|((mean, std), q)| (mean - q * std, mean + q * std));
        Ok(Intervals::new(ends, pairs.iter().map(|(mean, _)| *mean)))
    }
}

/// Conformalised quantile regression (Romano et al. 2019): how far the target lies outside of a predicted interval, or inside
/// (below 0), for pairs (low, high) `[batch, 2]`: the interval of a prediction, widened or narrowed by one number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cqr;

impl Score for Cqr {
    type Region = Intervals;

    fn of_targets(&self, outputs: &Tensor, target: &Tensor) -> Result<Vec<f64>> {
        let pairs = pairs("(low, high)", outputs)?;
        let target = targets(target, pairs.len())?;
        Ok(pairs.iter().zip(target).map(|((low, high), y)| f64::max(low - y, y - high)).collect())
    }

    fn region(&self, outputs: &Tensor, thresholds: &[f64]) -> Result<Intervals> {
        let pairs = pairs("(low, high)", outputs)?;
        belong("thresholds", thresholds, pairs.len())?;
        let ends = pairs.iter().zip(thresholds).map(|((low, high), q)| (low - q, high + q));
        Ok(Intervals::new(ends, pairs.iter().map(|(low, high)| low + (high - low) / 2.0)))
    }
}

/// An interval for each example, both ends included.
#[derive(Debug, Clone, PartialEq)]
pub struct Intervals {
    ends: Vec<(f64, f64)>,
}

impl Intervals {
    /// Ends that have passed each other leave the interval's middle: nothing lies between them.
    fn new(ends: impl Iterator<Item = (f64, f64)>, middles: impl Iterator<Item = f64>) -> Self {
        let keep = |((low, high), middle): ((f64, f64), f64)| {
            if low <= high { (low, high) } else { (middle, middle) }
        };
        Intervals { ends: ends.zip(middles).map(keep).collect() }
    }

    /// (low, high) of each example; infinite where the calibration set was too small.
    pub fn ends(&self) -> &[(f64, f64)] {
        &self.ends
    }

    /// The low ends and the high ends, each `[batch]` of 64-bit floats.
    pub fn tensors(&self) -> (Tensor, Tensor) {
        let (low, high): (Vec<f64>, Vec<f64>) = self.ends.iter().copied().unzip();
        (Tensor::from_slice(&low), Tensor::from_slice(&high))
    }

    /// The mean of the widths, in the target's unit.
    pub fn mean_width(&self) -> f64 {
        self.ends.iter().map(|(low, high)| high - low).sum::<f64>() / self.ends.len().max(1) as f64
    }

    /// Whether each interval holds its target `[batch]`.
    ///
    /// # Errors
    /// [`Error`] for another number of targets, and for targets that are not finite.
    pub fn contains(&self, target: &Tensor) -> Result<Vec<bool>> {
        let target = targets(target, self.ends.len())?;
        Ok(self.ends.iter().zip(target).map(|((low, high), y)| *low <= y && y <= *high).collect())
    }

    /// The share of intervals that hold their target.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn coverage(&self, target: &Tensor) -> Result<f64> {
        Ok(share(&self.contains(target)?))
    }
}

/// One number an example: `[batch]`, or `[batch, 1]`.
fn column(name: &str, tensor: &Tensor) -> Result<Vec<f64>> {
    match tensor.size().as_slice() {
        [_] | [_, 1] => finite(name, &tensor.to_kind(Kind::Double)),
        _ => {
            let expected = "[batch], one number for each example".to_owned();
            Err(Error::Shape { layer: name.to_owned(), expected, given: tensor.size() })
        }
    }
}

/// As many targets as there are examples.
fn targets(target: &Tensor, examples: usize) -> Result<Vec<f64>> {
    let values = column("target", target)?;
    if values.len() == examples {
        return Ok(values);
    }
    let expected = format!("[{examples}], one for each example");
    Err(Error::Shape { layer: "target".to_owned(), expected, given: target.size() })
}

/// Two numbers an example.
fn pairs(name: &str, tensor: &Tensor) -> Result<Vec<(f64, f64)>> {
    if tensor.dim() != 2 || tensor.size().last() != Some(&2) {
        let expected = format!("[batch, 2] of {name}");
        return Err(Error::Shape { layer: "outputs".to_owned(), expected, given: tensor.size() });
    }
    let values = finite("outputs", tensor)?;
    let (pairs, _) = values.as_chunks::<2>();
    Ok(pairs.iter().map(|&[a, b]| (a, b)).collect())
}
