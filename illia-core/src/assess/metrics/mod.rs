//! How good predictions are, and how good what they say of themselves: proper scores, calibration, detection of what
//! lies outside of the training data, selective prediction, intervals.
//!
//! Inputs are tensors of any float kind on any device; results are `f64`. Nothing is silently skipped: an empty
//! tensor, a NaN or a shape that does not fit is an error.

mod calibration;
mod classes;
mod crps;
mod detection;
mod numbers;
mod selection;

pub use calibration::{
    Bin, Reliability, adaptive_ece, classwise_ece, ece, mce, reliability, reliability_of_events,
};
pub use classes::{accuracy, brier, nll};
pub use crps::{crps_draws, crps_draws_each, crps_fair, crps_fair_each, crps_gaussian, crps_mixture};
pub use detection::{aupr, auroc, fpr_at_95_tpr};
pub use numbers::{interval_coverage, interval_of_draws, interval_width, nll_gaussian, rmse};
pub use selection::{RiskCoverage, risk_coverage};

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

/// The bins of a reliability diagram, by custom (Guo et al. 2017).
pub const BINS: usize = 15;

/// Every element in row-major order; at least one, none of them NaN.
pub(crate) fn elements(name: &str, tensor: &Tensor) -> Result<Vec<f64>> {
    if tensor.numel() == 0 {
        return Err(Error::configuration(name, "empty", "at least one element"));
    }
    let flat = tensor.detach().to_device(Device::Cpu).to_kind(Kind::Double).flatten(0, -1).contiguous();
    let values = Vec::<f64>::try_from(&flat).map_err(|error| Error::torch(name, &error))?;
    if values.iter().any(|value| value.is_nan()) {
        return Err(Error::configuration(name, "NaN", "numbers"));
    }
    Ok(values)
}

/// [`elements`], all of them finite.
pub(crate) fn finite(name: &str, tensor: &Tensor) -> Result<Vec<f64>> {
    let values = elements(name, tensor)?;
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(Error::configuration(name, value, "finite numbers")),
        None => Ok(values),
    }
}

/// Refuses a tensor that is not of the shape of the one it belongs to.
fn same_shape(name: &str, expected: &Tensor, given: &Tensor) -> Result<()> {
    if expected.size() == given.size() {
        return Ok(());
    }
    let expected = format!("{:?}", expected.size());
    Err(Error::Shape { layer: name.to_owned(), expected, given: given.size() })
}

/// The rows of class probabilities and their labels.
struct Classified {
    /// `[batch][classes]`.
    rows: Vec<Vec<f64>>,
    /// `[batch]`.
    labels: Vec<usize>,
    classes: usize,
}

/// The rows of class probabilities `[batch, classes]`.
pub(super) fn probability_rows(probabilities: &Tensor) -> Result<Vec<Vec<f64>>> {
    let given = probabilities.size();
    let &[_, classes] = given.as_slice() else {
        let expected = "[batch, classes] of probabilities".to_owned();
        return Err(Error::Shape { layer: "probabilities".to_owned(), expected, given });
    };
    let values = elements("probabilities", probabilities)?;
    let rows: Vec<Vec<f64>> = values.chunks(classes.max(1) as usize).map(<[f64]>::to_vec).collect();
    for row in &rows {
        if let Some(p) = row.iter().find(|p| !(-TOLERANCE..=1.0 + TOLERANCE).contains(*p)) {
            return Err(Error::configuration("probabilities", p, "from 0 to 1 (apply softmax to logits)"));
        }
        let sum: f64 = row.iter().sum();
        if (sum - 1.0).abs() > TOLERANCE {
            return Err(Error::configuration("a row of probabilities", sum, "rows that sum to 1"));
        }
    }
    Ok(rows)
}

/// The class numbers `[batch]` of a batch of `batch` examples of `classes` classes.
pub(super) fn class_numbers(labels: &Tensor, batch: usize, classes: usize) -> Result<Vec<usize>> {
    if labels.size() != [batch as i64] {
        let expected = format!("[{batch}] of class numbers");
        return Err(Error::Shape { layer: "labels".to_owned(), expected, given: labels.size() });
    }
    if !matches!(labels.kind(), Kind::Int64 | Kind::Int | Kind::Int16 | Kind::Int8 | Kind::Uint8) {
        let kind = format!("{:?}", labels.kind());
        return Err(Error::configuration("labels", kind, "whole class numbers"));
    }
    let labels = labels.to_device(Device::Cpu).to_kind(Kind::Int64).contiguous();
    let labels = Vec::<i64>::try_from(&labels).map_err(|error| Error::torch("labels", &error))?;
    let label = |label: &i64| {
        let inside = usize::try_from(*label).ok().filter(|&label| label < classes);
        let allowed = || format!("a class from 0 to {}", classes as i64 - 1);
        inside.ok_or_else(|| Error::configuration("label", label, &allowed()))
    };
    labels.iter().map(label).collect()
}

impl Classified {
    /// From probabilities `[batch, classes]` and class numbers `[batch]`.
    fn new(probabilities: &Tensor, labels: &Tensor) -> Result<Self> {
        let rows = probability_rows(probabilities)?;
        let classes = rows.first().map_or(0, Vec::len);
        let labels = class_numbers(labels, rows.len(), classes)?;
        Ok(Classified { rows, labels, classes })
    }

    fn iter(&self) -> impl Iterator<Item = (&[f64], usize)> {
        self.rows.iter().map(Vec::as_slice).zip(self.labels.iter().copied())
    }

    /// The first class of the highest probability, and that probability.
    fn top(row: &[f64]) -> (usize, f64) {
        let mut best = (0, f64::NEG_INFINITY);
        for (class, &p) in row.iter().enumerate() {
            if p > best.1 {
                best = (class, p);
            }
        }
        best
    }
}

/// How far half-precision softmax may be off 1.
const TOLERANCE: f64 = 1e-2;

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}
