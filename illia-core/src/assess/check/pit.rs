//! Where observations lie in what was predicted for them.

use tch::{Kind, Tensor};

use super::chance;
use crate::assess::metrics::finite;
use crate::error::Result;
use crate::likelihood::{Likelihood, matched};
use crate::noise::{self, Key};

/// How often central intervals of one level held what they should.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// The share that an interval says it holds.
    pub level: f64,
    /// The share of the targets that it holds.
    pub observed: f64,
    /// Where that share lies, in 95 of 100 sets of this size, if the interval is right.
    pub by_chance: (f64, f64),
}

/// The probability integral transform: of each target the probability that the prediction gives to what is smaller. Even over 0 to
/// 1 if the predictions are right (Dawid 1984); of counts, whose probabilities are steps, a random place within the step
/// (Czado et al. 2009).
#[derive(Debug, Clone, PartialEq)]
pub struct Pit {
    /// Each target's, of all elements.
    pub values: Vec<f64>,
    /// The probability that values which are even over 0 to 1 are as far from it as these (Kolmogorov and Smirnov).
    pub p_value: f64,
}

/// The levels of a check.
const LEVELS: [f64; 5] = [0.5, 0.8, 0.9, 0.95, 0.99];
/// The noise of places within steps.
const PLACES: Key = Key { seed: 0, stream: u64::MAX - 31, draw: 0 };

impl Pit {
    /// None for likelihoods of classes.
    pub(super) fn of(outputs: &Tensor, likelihood: &dyn Likelihood, y: &Tensor) -> Result<Option<Pit>> {
        let outputs = outputs.to_kind(Kind::Double);
        let mean = likelihood.mean(&outputs);
        if likelihood.cdf(&outputs, &mean).is_none() {
            return Ok(None);
        }
        let y = matched("target", &mean.select(0, 0), y)?;
        let below = |y: &Tensor| likelihood.cdf(&outputs, y).map(|p| p.mean_dim(0i64, false, Kind::Double));
        // A density's own part of so short a way is nothing, a count's is all of its probability.
        let before = &y - (y.abs() + 1.0) * 1e-9;
        let (Some(upper), Some(lower)) = (below(&y), below(&before)) else { return Ok(None) };
        let place = noise::uniforms(PLACES, &upper.size(), Kind::Double, upper.device());
        let mut values = finite("probabilities", &(&lower + place * (upper - &lower)))?;
        let p_value = evenness(&mut values.clone());
        values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        Ok(Some(Pit { values, p_value }))
    }

    /// Of the intervals between two quantiles.
    pub(super) fn coverage(&self) -> Vec<Coverage> {
        let n = self.values.len();
        let of = |level: f64| {
            let edge = 0.5 - level / 2.0;
            let held = self.values.iter().filter(|value| (edge..=1.0 - edge).contains(*value)).count();
            Coverage {
                level,
                observed: held as f64 / n as f64,
                by_chance: chance::share(n, level, chance::TAIL),
            }
        };
        LEVELS.into_iter().map(of).collect()
    }

    /// How many values lie in each of so many parts of 0 to 1, at least one.
    pub fn histogram(&self, bins: usize) -> Vec<usize> {
        let mut counts = vec![0; bins.max(1)];
        let last = counts.len() - 1;
        for value in &self.values {
            if let Some(count) = counts.get_mut(((value * bins as f64) as usize).min(last)) {
                *count += 1;
            }
        }
        counts
    }

    /// Which counts of a [`histogram`](Self::histogram) are no more than chance, in 95 of 100 parts.
    pub fn histogram_by_chance(&self, bins: usize) -> (f64, f64) {
        let n = self.values.len();
        let (low, high) = chance::share(n, 1.0 / bins.max(2) as f64, chance::TAIL);
        (low * n as f64, high * n as f64)
    }
}

/// The p-value of Kolmogorov's test for the uniform distribution.
fn evenness(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let distance = values.iter().enumerate().map(|(i, value)| {
        let (before, after) = (i as f64 / n as f64, (i + 1) as f64 / n as f64);
        (value - before).max(after - value)
    });
    chance::kolmogorov(distance.fold(0.0, f64::max), n)
}
