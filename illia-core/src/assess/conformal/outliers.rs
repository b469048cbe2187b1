//! "Not one of mine", at a stated rate of false alarms.

use tch::Tensor;

use super::HeldOut;
use crate::assess::metrics::finite;
use crate::error::{Error, Result};

/// Conformal p-values of "is like the held-out examples" (Bates et al. 2023): for an example that is, a p-value is at
/// most t with probability at most t.
///
/// ```
/// use illia_core::HeldOut;
/// use illia_core::conformal::{Outliers, benjamini_hochberg};
/// use tch::{Device, Kind, Tensor};
///
/// // Entropies, say: the higher, the stranger.
/// let known = HeldOut::unlabelled(Tensor::arange(99, (Kind::Float, Device::Cpu)))?;
/// let outliers = Outliers::fit(known, |scores| Ok(scores.shallow_clone()))?;
/// let p = outliers.p_values(&Tensor::from_slice(&[49.5f32, 1000.0]))?;
/// assert_eq!(p, [0.5, 0.01]);
/// assert_eq!(benjamini_hochberg(&p, 0.05)?, [false, true]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Outliers {
    /// In order.
    scores: Vec<f64>,
}

impl Outliers {
    /// Calibrates a score of strangeness (an entropy, a distance; higher is stranger) on held-out examples of one's own; `score` takes
    /// the set's outputs to one number for each example.
    ///
    /// # Errors
    /// Those of `score`; [`Error::Shape`] for another number of scores, [`Error::Configuration`] for one that is not finite.
    pub fn fit(set: HeldOut, score: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let (count, (outputs, _)) = (set.len(), set.into_parts());
        let scores = score(&outputs)?;
        if scores.size() != [count as i64] {
            let expected = format!("[{count}], one for each example");
            return Err(Error::Shape { layer: "scores".to_owned(), expected, given: scores.size() });
        }
        let mut scores = finite("scores", &scores)?;
        scores.sort_by(f64::total_cmp);
        Ok(Outliers { scores })
    }

    /// The p-value of each of these scores: (1 + how many held-out scores are at least as high) / (1 + how many there are).
    ///
    /// # Errors
    /// [`Error::Configuration`] for no score, or one that is not finite.
    pub fn p_values(&self, scores: &Tensor) -> Result<Vec<f64>> {
        let n = self.scores.len();
        let p = |score: f64| {
            let below = self.scores.partition_point(|own| *own < score);
            (1 + n - below) as f64 / (n + 1) as f64
        };
        Ok(finite("scores", scores)?.into_iter().map(p).collect())
    }
}

/// Which hypotheses to reject so that the expected share of false ones among them is at most `rate` (Benjamini & Hochberg 1995): those
/// with p-values up to the largest p_(k) that is at most k rate / m. Conformal p-values of one calibration set depend on each
/// other in the way that this allows (Bates et al. 2023).
///
/// # Errors
/// [`Error::Configuration`] unless 0 < rate < 1, and for a p-value outside of 0 to 1.
pub fn benjamini_hochberg(p_values: &[f64], rate: f64) -> Result<Vec<bool>> {
    if !(rate > 0.0 && rate < 1.0) {
        return Err(Error::configuration("rate", rate, "above 0 and below 1"));
    }
    if let Some(p) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Error::configuration("p-value", p, "from 0 to 1"));
    }
    let mut sorted = p_values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let m = sorted.len() as f64;
    // Whole multiples of the rate keep their place whatever the rounding.
    let low = |(k, p): &(usize, &f64)| **p <= (k + 1) as f64 * rate / m + 1e-12;
    let largest = sorted.iter().enumerate().filter(low).map(|(_, p)| *p).next_back();
    Ok(p_values.iter().map(|p| largest.is_some_and(|largest| *p <= largest)).collect())
}
