//! Conformal prediction: sets and intervals that hold the truth with a stated probability, whatever the net
//! (Vovk et al. 2005; Angelopoulos & Bates 2023).
//!
//! A [`Score`] says how badly a target fits an output. On held-out examples, which are used up by it ([`HeldOut`]), the scores'
//! quantile is taken, with the correction for their finite number; for a new example all targets that fit no worse are
//! predicted. As long as the held-out and the new examples are exchangeable, the truth is among them with probability at
//! least 1 - alpha: on average over calibration sets; given one of n examples, the coverage follows the Beta distribution
//! with n + 1 - l and l, l = floor((n + 1) alpha).
//!
//! | for | score |
//! |---|---|
//! | classes | [`Lac`]: the smallest sets on average; [`Aps`]: sets that grow with the difficulty, also [regularised](Aps::regularised) (RAPS) |
//! | numbers | [`Residual`]: one width; [`Normalised`]: a width that follows the predicted spread; [`Cqr`]: around predicted quantiles |
//!
//! | guarantee | predictor |
//! |---|---|
//! | over all examples | [`Conformal`] |
//! | in each group | [`Mondrian`] |
//! | in the long run of a stream that drifts | [`Adaptive`] |
//! | "not one of mine" at a stated rate of false alarms | [`Outliers`], [`benjamini_hochberg`] |
//!
//! ```
//! use illia_core::HeldOut;
//! use illia_core::conformal::{Conformal, Residual};
//! use tch::{Device, Kind, Tensor};
//!
//! let noisy = |x: &Tensor| x.sin() + x.randn_like() * 0.1;
//! let x = Tensor::rand([500], (Kind::Float, Device::Cpu)) * 6.0;
//! let conformal = Conformal::fit(Residual, HeldOut::new(x.sin(), noisy(&x))?, 0.1)?;
//! let new = Tensor::rand([500], (Kind::Float, Device::Cpu)) * 6.0;
//! let intervals = conformal.predict(&new.sin())?;
//! assert!((intervals.coverage(&noisy(&new))? - 0.9).abs() < 0.1);
//! # Ok::<(), illia_core::Error>(())
//! ```

mod adaptive;
mod classes;
mod numbers;
mod outliers;
#[cfg(test)]
mod tests;

pub use adaptive::Adaptive;
pub use classes::{Aps, Lac, Sets};
pub use numbers::{Cqr, Intervals, Normalised, Residual};
pub use outliers::{Outliers, benjamini_hochberg};

use std::collections::BTreeMap;

use tch::Tensor;

use super::HeldOut;
use crate::error::{Error, Result};

/// How badly targets fit outputs: higher is worse.
pub trait Score {
    /// What is predicted for a batch.
    type Region;

    /// The score of each example's target, `[batch]`.
    ///
    /// # Errors
    /// [`Error`] for outputs or targets that the score has no meaning for.
    fn of_targets(&self, outputs: &Tensor, target: &Tensor) -> Result<Vec<f64>>;

    /// For each example, all targets whose score is at most its threshold. Infinity lets all in, minus infinity none.
    ///
    /// # Errors
    /// As [`of_targets`](Self::of_targets), and [`Error::Configuration`] for another number of thresholds than of examples.
    fn region(&self, outputs: &Tensor, thresholds: &[f64]) -> Result<Self::Region>;
}

/// Split conformal prediction: one threshold for all examples.
#[derive(Debug)]
pub struct Conformal<S> {
    score: S,
    threshold: f64,
}

impl<S: Score> Conformal<S> {
    /// Calibrates `score` on a held-out set, for predictions that miss the truth with probability at most `alpha`.
    ///
    /// # Errors
    /// [`Error::Configuration`] unless 0 < alpha < 1, and for a set without targets; the score's errors.
    pub fn fit(score: S, set: HeldOut, alpha: f64) -> Result<Self> {
        checked(alpha)?;
        let (outputs, target) = set.labelled()?;
        let threshold = threshold(score.of_targets(&outputs, &target)?, alpha);
        Ok(Conformal { score, threshold })
    }

    /// The largest score of a target that is predicted; infinite where the set was too small for alpha, below 1 / alpha - 1
    /// examples.
    pub fn threshold(&self) -> f64 {
        self.threshold
    }

    /// What is predicted for a batch of outputs.
    ///
    /// # Errors
    /// The score's.
    pub fn predict(&self, outputs: &Tensor) -> Result<S::Region> {
        self.score.region(outputs, &vec![self.threshold; examples(outputs)])
    }
}

/// Conformal prediction by group (Vovk et al. 2003, Mondrian): the guarantee holds within each group, since each has a threshold
/// of its own.
#[derive(Debug)]
pub struct Mondrian<S> {
    score: S,
    thresholds: BTreeMap<i64, f64>,
}

impl<S: Score> Mondrian<S> {
    /// Calibrates `score` on a held-out set whose examples belong to `groups`, one number for each; the groups must not depend on
    /// the targets.
    ///
    /// # Errors
    /// As [`Conformal::fit`], and [`Error::Configuration`] for another number of groups than of examples.
    pub fn fit(score: S, set: HeldOut, groups: &[i64], alpha: f64) -> Result<Self> {
        checked(alpha)?;
        belong("groups", groups, set.len())?;
        let (outputs, target) = set.labelled()?;
        let mut scores: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (group, score) in groups.iter().zip(score.of_targets(&outputs, &target)?) {
            scores.entry(*group).or_default().push(score);
        }
        let thresholds =
            scores.into_iter().map(|(group, scores)| (group, threshold(scores, alpha))).collect();
        Ok(Mondrian { score, thresholds })
    }

    /// The largest score of a target that is predicted in a group; infinite for one without enough examples, or with none.
    pub fn threshold(&self, group: i64) -> f64 {
        self.thresholds.get(&group).copied().unwrap_or(f64::INFINITY)
    }

    /// What is predicted for a batch of outputs whose examples belong to `groups`.
    ///
    /// # Errors
    /// The score's, and [`Error::Configuration`] for another number of groups than of examples.
    pub fn predict(&self, outputs: &Tensor, groups: &[i64]) -> Result<S::Region> {
        belong("groups", groups, examples(outputs))?;
        let thresholds: Vec<f64> = groups.iter().map(|&group| self.threshold(group)).collect();
        self.score.region(outputs, &thresholds)
    }
}

/// The score that the truth's exceeds with probability at most alpha: the one of rank ceil((n + 1) (1 - alpha)) among n, in order;
/// infinite if there are not so many.
fn threshold(mut scores: Vec<f64>, alpha: f64) -> f64 {
    scores.sort_by(f64::total_cmp);
    at_rank(&scores, alpha)
}

/// [`threshold`] of scores in order; `alpha` may have left 0 to 1.
fn at_rank(sorted: &[f64], alpha: f64) -> f64 {
    if alpha >= 1.0 {
        return f64::NEG_INFINITY;
    }
    // A product that is whole but for its rounding keeps its rank.
    let rank = ((sorted.len() + 1) as f64 * (1.0 - alpha) - 1e-9).ceil().max(1.0);
    sorted.get(rank as usize - 1).copied().unwrap_or(f64::INFINITY)
}

fn checked(alpha: f64) -> Result<()> {
    if alpha > 0.0 && alpha < 1.0 {
        return Ok(());
    }
    Err(Error::configuration("alpha", alpha, "above 0 and below 1"))
}

fn examples(outputs: &Tensor) -> usize {
    outputs.size().first().map_or(0, |&batch| batch as usize)
}

/// Refuses another number of `what` than of examples.
fn belong<T>(what: &str, each: &[T], examples: usize) -> Result<()> {
    if each.len() == examples {
        return Ok(());
    }
    Err(Error::configuration(what, each.len(), &format!("one for each of the {examples} examples")))
}

/// The share of `true`.
fn share(inside: &[bool]) -> f64 {
    inside.iter().filter(|inside| **inside).count() as f64 / inside.len().max(1) as f64
}
