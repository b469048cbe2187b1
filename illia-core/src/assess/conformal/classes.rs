//! Scores of classes, for outputs that are probabilities `[batch, classes]`.

use tch::{Device, Kind, Tensor};

use super::{Score, belong, share};
use crate::assess::metrics::{class_numbers, probability_rows};
use crate::error::{Error, Result};
use crate::noise::{self, Stream};

/// Least ambiguous sets (Sadinle et al. 2019): 1 - p(class). The smallest sets on average; hard examples may get none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Lac;

impl Score for Lac {
    type Region = Sets;

    fn of_targets(&self, outputs: &Tensor, target: &Tensor) -> Result<Vec<f64>> {
        of_labels(target, &self.of_classes(outputs)?)
    }

    fn region(&self, outputs: &Tensor, thresholds: &[f64]) -> Result<Sets> {
        Sets::within(&self.of_classes(outputs)?, thresholds)
    }
}

impl Lac {
    fn of_classes(&self, probabilities: &Tensor) -> Result<Vec<Vec<f64>>> {
        let rows = probability_rows(probabilities)?;
        Ok(rows.into_iter().map(|row| row.into_iter().map(|p| 1.0 - p).collect()).collect())
    }
}

/// Adaptive prediction sets (Romano et al. 2020): the probability of all classes that are more probable, and of the class
/// itself or a random part of it; regularised with a price for long sets (RAPS, Angelopoulos et al. 2021). Sets grow with an
/// example's difficulty.
#[derive(Debug)]
pub struct Aps {
    penalty: f64,
    free: usize,
    /// Where the random parts come from; None takes all of the class.
    noise: Option<Stream>,
}

impl Default for Aps {
    fn default() -> Self {
        Aps::new()
    }
}

impl Aps {
    /// Sets whose last class is in or out at random, as its share of the probability demands: each example's own coverage is
    /// close to the level if the probabilities are right. An example may get no class at all.
    pub fn new() -> Self {
        Aps { penalty: 0.0, free: 0, noise: Some(Stream::new()) }
    }

    /// RAPS: each class beyond the `free` most probable ones (k_reg) costs `penalty` (lambda), which keeps long tails of classes
    /// out.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a penalty that is below 0 or not finite.
    pub fn regularised(penalty: f64, free: usize) -> Result<Self> {
        if !(penalty.is_finite() && penalty >= 0.0) {
            return Err(Error::configuration("penalty", penalty, "a finite number from 0"));
        }
        Ok(Aps { penalty, free, ..Aps::new() })
    }

    /// Without randomness: each class counts whole. Sets are larger; the level is kept.
    #[must_use]
    pub fn whole(self) -> Self {
        Aps { noise: None, ..self }
    }

    /// The scores of all classes of each example.
    fn of_classes(&self, probabilities: &Tensor) -> Result<Vec<Vec<f64>>> {
        let rows = probability_rows(probabilities)?;
        let parts = match &self.noise {
            None => vec![1.0; rows.len()],
            Some(stream) => {
                let u = noise::uniforms(stream.next_key(), &[rows.len() as i64], Kind::Double, Device::Cpu);
                Vec::<f64>::try_from(u).map_err(|error| Error::torch("Aps", &error))?
            }
        };
        let scores = |(row, part): (Vec<f64>, f64)| {
            let mut order: Vec<(usize, f64)> = row.iter().copied().enumerate().collect();
            // The most probable first; equal ones by their number.
            order.sort_by(|a, b| b.1.total_cmp(&a.1));
            let (mut before, mut scores) = (0.0, row);
            for (rank, (class, p)) in order.into_iter().enumerate() {
                let price = self.penalty * (rank + 1).saturating_sub(self.free) as f64;
                if let Some(score) = scores.get_mut(class) {
                    *score = before + part * p + price;
                }
                before += p;
            }
            scores
        };
        Ok(rows.into_iter().zip(parts).map(scores).collect())
    }
}

impl Score for Aps {
    type Region = Sets;

    fn of_targets(&self, outputs: &Tensor, target: &Tensor) -> Result<Vec<f64>> {
        of_labels(target, &self.of_classes(outputs)?)
    }

    fn region(&self, outputs: &Tensor, thresholds: &[f64]) -> Result<Sets> {
        Sets::within(&self.of_classes(outputs)?, thresholds)
    }
}

/// Each row's score of its label.
fn of_labels(labels: &Tensor, scores: &[Vec<f64>]) -> Result<Vec<f64>> {
    let classes = scores.first().map_or(0, Vec::len);
    let labels = class_numbers(labels, scores.len(), classes)?;
    Ok(scores.iter().zip(labels).filter_map(|(row, label)| row.get(label).copied()).collect())
}

/// A set of classes for each example.
#[derive(Debug, Clone, PartialEq)]
pub struct Sets {
    /// `[batch][classes]`.
    inside: Vec<Vec<bool>>,
}

impl Sets {
    fn within(scores: &[Vec<f64>], thresholds: &[f64]) -> Result<Self> {
        belong("thresholds", thresholds, scores.len())?;
        let row = |(scores, threshold): (&Vec<f64>, &f64)| scores.iter().map(|s| s <= threshold).collect();
        Ok(Sets { inside: scores.iter().zip(thresholds).map(row).collect() })
    }

    /// The classes of each example's set, in the order of their numbers.
    pub fn classes(&self) -> Vec<Vec<usize>> {
        let of =
            |row: &Vec<bool>| row.iter().enumerate().filter(|(_, inside)| **inside).map(|(c, _)| c).collect();
        self.inside.iter().map(of).collect()
    }

    /// How many classes each set holds.
    pub fn sizes(&self) -> Vec<usize> {
        self.inside.iter().map(|row| row.iter().filter(|inside| **inside).count()).collect()
    }

    /// The mean of the sets' sizes.
    pub fn mean_size(&self) -> f64 {
        self.sizes().iter().sum::<usize>() as f64 / self.inside.len().max(1) as f64
    }

    /// Whether each set holds its label `[batch]`.
    ///
    /// # Errors
    /// [`Error`] for another number of labels, and for labels that are no classes.
    pub fn contains(&self, labels: &Tensor) -> Result<Vec<bool>> {
        let classes = self.inside.first().map_or(0, Vec::len);
        let labels = class_numbers(labels, self.inside.len(), classes)?;
        Ok(self.inside.iter().zip(labels).map(|(row, label)| row.get(label) == Some(&true)).collect())
    }

    /// The share of sets that hold their label.
    ///
    /// # Errors
    /// As [`contains`](Self::contains).
    pub fn coverage(&self, labels: &Tensor) -> Result<f64> {
        Ok(share(&self.contains(labels)?))
    }
}
