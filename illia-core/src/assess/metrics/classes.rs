//! Scores of class probabilities.

use tch::Tensor;

use super::{Classified, mean};
use crate::error::Result;

/// The share of examples whose most probable class is the label; of equally probable classes the first counts.
///
/// Probabilities are `[batch, classes]`, labels `[batch]`.
///
/// # Errors
/// [`Error`](crate::Error) for shapes that don't fit, no examples, rows that are no probabilities, and labels that are
/// no classes.
///
/// ```
/// use tch::Tensor;
///
/// let p = Tensor::from_slice(&[0.7, 0.3, 0.4, 0.6]).reshape([2, 2]);
/// assert_eq!(illia_core::metrics::accuracy(&p, &Tensor::from_slice(&[0i64, 0]))?, 0.5);
/// # Ok::<(), illia_core::Error>(())
/// ```
pub fn accuracy(probabilities: &Tensor, labels: &Tensor) -> Result<f64> {
    let data = Classified::new(probabilities, labels)?;
    let right = data.iter().filter(|(row, label)| Classified::top(row).0 == *label).count();
    Ok(right as f64 / data.rows.len() as f64)
}

/// The mean of -log p(label), in nats per example; infinite where a label has probability 0.
///
/// Probabilities are `[batch, classes]`, labels `[batch]`.
///
/// ```
/// use illia_core::metrics;
/// use tch::Tensor;
///
/// let p = Tensor::from_slice(&[0.5, 0.5]).reshape([1, 2]);
/// let label = Tensor::from_slice(&[1i64]);
/// assert!((metrics::nll(&p, &label)? - 2f64.ln()).abs() < 1e-9);
/// assert_eq!(metrics::brier(&p, &label)?, 0.5);
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// # Errors
/// As [`accuracy`].
pub fn nll(probabilities: &Tensor, labels: &Tensor) -> Result<f64> {
    let data = Classified::new(probabilities, labels)?;
    let of_labels: Vec<f64> =
        data.iter().map(|(row, label)| row.get(label).copied().unwrap_or(0.0)).collect();
    Ok(mean(of_labels.iter().map(|p| -p.max(0.0).ln())))
}

/// The mean over the examples of the squared distance between probabilities and the one-hot label, summed over the
/// classes: from 0 to 2 (Brier 1950).
///
/// Probabilities are `[batch, classes]`, labels `[batch]`.
///
/// # Errors
/// As [`accuracy`].
pub fn brier(probabilities: &Tensor, labels: &Tensor) -> Result<f64> {
    let data = Classified::new(probabilities, labels)?;
    let each: Vec<f64> = data
        .iter()
        .map(|(row, label)| {
            let squared = |(class, p): (usize, &f64)| (p - f64::from(u8::from(class == label))).powi(2);
            row.iter().enumerate().map(squared).sum()
        })
        .collect();
    Ok(mean(each.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Tensor, Tensor) {
        let p = [0.5, 0.25, 0.25, 0.1, 0.8, 0.1, 0.25, 0.5, 0.25];
        (Tensor::from_slice(&p).reshape([3, 3]), Tensor::from_slice(&[0i64, 1, 2]))
    }

    #[test]
    fn scores_of_three_examples() {
        let (p, y) = three();
        assert!((accuracy(&p, &y).unwrap() - 2.0 / 3.0).abs() < 1e-12);
        let by_hand = -(0.5f64.ln() + 0.8f64.ln() + 0.25f64.ln()) / 3.0;
        assert!((nll(&p, &y).unwrap() - by_hand).abs() < 1e-12);
        // (0.25 + 0.0625 + 0.0625), (0.01 + 0.04 + 0.01), (0.0625 + 0.25 + 0.5625)
        assert!((brier(&p, &y).unwrap() - (0.375 + 0.06 + 0.875) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn a_tie_goes_to_the_first_class_and_a_label_of_probability_zero_costs_everything() {
        let p = Tensor::from_slice(&[0.5, 0.5, 1.0, 0.0]).reshape([2, 2]);
        let y = Tensor::from_slice(&[1i64, 1]);
        assert_eq!(accuracy(&p, &y).unwrap(), 0.0);
        assert_eq!(nll(&p, &y).unwrap(), f64::INFINITY);
        assert_eq!(brier(&p, &y).unwrap(), (0.5 + 2.0) / 2.0);
    }

    #[test]
    fn what_is_no_classification_is_refused() {
        let (p, y) = three();
        let message = |p: &Tensor, y: &Tensor| accuracy(p, y).unwrap_err().to_string();
        assert!(message(&(&p * 3.0), &y).contains("softmax"));
        assert!(message(&(&p * 0.9), &y).contains("sum to 1"));
        assert!(message(&(&p * f64::NAN), &y).contains("NaN"));
        assert!(message(&p, &(&y + 1)).contains("a class from 0 to 2"));
        assert!(message(&p, &y.to_kind(tch::Kind::Float)).contains("whole class numbers"));
        assert!(message(&p, &y.reshape([3, 1])).contains("[3] of class numbers"));
        assert!(message(&p.flatten(0, -1), &y).contains("[batch, classes]"));
        assert!(message(&p.narrow(0, 0, 0), &y.narrow(0, 0, 0)).contains("empty"));
    }
}
