//! Conformal prediction on a stream whose distribution may drift.

use std::collections::VecDeque;

use tch::Tensor;

use super::{HeldOut, Score, at_rank, checked, examples};
use crate::error::{Error, Result};

/// Adaptive conformal inference (Gibbs & Candès 2021): the level follows what was missed.
///
/// After each example the working level moves by `rate` times (alpha - 1 if the truth was missed, else alpha), equation 2.
/// Whatever the stream does, the share of misses over T examples differs from alpha by at most (max(alpha, 1 - alpha) + rate) /
/// (T rate), proposition 4.1. A larger rate follows faster and swings more; 0.005 is the authors'.
#[derive(Debug)]
pub struct Adaptive<S> {
    score: S,
    alpha: f64,
    rate: f64,
    /// The working level, which may leave 0 to 1 for a while.
    level: f64,
    window: usize,
    /// The scores in the order in which they came, and by size.
    recent: VecDeque<f64>,
    sorted: Vec<f64>,
}

impl<S: Score> Adaptive<S> {
    /// Starts from a held-out set's scores, for a share of misses of `alpha`; of the scores that come, the last `window` are kept.
    ///
    /// # Errors
    /// As [`Conformal::fit`](super::Conformal::fit); [`Error::Configuration`] for a rate that is not above 0, and a window of 0.
    pub fn fit(score: S, set: HeldOut, alpha: f64, rate: f64, window: usize) -> Result<Self> {
        checked(alpha)?;
        if !(rate.is_finite() && rate > 0.0) {
            return Err(Error::configuration("rate", rate, "a finite number above 0"));
        }
        if window == 0 {
            return Err(Error::configuration("window", window, "at least 1"));
        }
        let (outputs, target) = set.labelled()?;
        let scores = score.of_targets(&outputs, &target)?;
        let (recent, sorted) = (VecDeque::new(), Vec::new());
        let mut adaptive = Adaptive { score, alpha, rate, level: alpha, window, recent, sorted };
        scores.into_iter().for_each(|score| adaptive.keep(score));
        Ok(adaptive)
    }

    /// The working level: alpha at the start, lower after misses.
    pub fn level(&self) -> f64 {
        self.level
    }

    /// The largest score of a target that is predicted now; infinite while the level is below 0, minus infinity above 1.
    pub fn threshold(&self) -> f64 {
        at_rank(&self.sorted, self.level)
    }

    /// What is predicted for a batch of outputs, all at the present level.
    ///
    /// # Errors
    /// The score's.
    pub fn predict(&self, outputs: &Tensor) -> Result<S::Region> {
        self.score.region(outputs, &vec![self.threshold(); examples(outputs)])
    }

    /// Takes in what became of a batch, example after example in their order: whether each was missed at the level of its turn.
    ///
    /// # Errors
    /// The score's; nothing has changed then.
    pub fn observe(&mut self, outputs: &Tensor, target: &Tensor) -> Result<Vec<bool>> {
        let scores = self.score.of_targets(outputs, target)?;
        let each = |score: f64| {
            let missed = score > self.threshold();
            self.level += self.rate * (self.alpha - f64::from(u8::from(missed)));
            self.keep(score);
            missed
        };
        Ok(scores.into_iter().map(each).collect())
    }

    fn keep(&mut self, score: f64) {
        let place = |sorted: &[f64], score: f64| sorted.partition_point(|other| *other < score);
        self.recent.push_back(score);
        self.sorted.insert(place(&self.sorted, score), score);
        while self.recent.len() > self.window {
            if let Some(oldest) = self.recent.pop_front() {
                self.sorted.remove(place(&self.sorted, oldest));
            }
        }
    }
}
