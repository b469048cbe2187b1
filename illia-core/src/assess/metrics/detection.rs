//! How well a score tells what lies outside of the training distribution from what lies inside.
//!
//! A higher score means "outside"; outside is the positive class. Equal scores are one threshold: no result depends on
//! the order of the examples. With the roles exchanged and the scores negated, `aupr(&-&outside, &-&inside)`, inside is
//! the positive class.

use tch::Tensor;

use super::elements;
use crate::error::Result;

/// The area under the receiver operating characteristic: the probability that an example from outside scores higher than
/// one from inside, ties counting half (Mann & Whitney 1947). 0.5 is chance, 1 perfect.
///
/// Both tensors hold scores, of any shape and length.
///
/// # Errors
/// [`Error::Configuration`](crate::Error::Configuration) for empty scores or NaN; infinities are in order.
///
/// ```
/// use tch::Tensor;
///
/// let (inside, outside) = (Tensor::from_slice(&[0.1, 0.2]), Tensor::from_slice(&[0.2, 0.9]));
/// assert_eq!(illia_core::metrics::auroc(&inside, &outside)?, 0.875);
/// # Ok::<(), illia_core::Error>(())
/// ```
pub fn auroc(inside: &Tensor, outside: &Tensor) -> Result<f64> {
    let steps = Steps::new(inside, outside)?;
    // The trapezium's slope over a tie is what counts the tie half.
    let mut area = 0.0;
    let mut before = (0.0, 0.0);
    for &(inside, outside) in &steps.cumulative {
        area += (inside - before.0) * (outside + before.1) / 2.0;
        before = (inside, outside);
    }
    Ok(area / (steps.inside * steps.outside))
}

/// The area under the precision-recall curve as average precision: the precision at each threshold, weighted by the
/// recall it adds. Chance is the share of examples from outside.
///
/// ```
/// use illia_core::metrics;
/// use tch::Tensor;
///
/// let (inside, outside) = (Tensor::from_slice(&[0.1, 0.2]), Tensor::from_slice(&[0.8, 0.9]));
/// assert_eq!(metrics::aupr(&inside, &outside)?, 1.0);
/// assert_eq!(metrics::fpr_at_95_tpr(&inside, &outside)?, 0.0);
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// # Errors
/// As [`auroc`].
pub fn aupr(inside: &Tensor, outside: &Tensor) -> Result<f64> {
    let steps = Steps::new(inside, outside)?;
    let mut area = 0.0;
    let mut before = 0.0;
    for &(inside, outside) in &steps.cumulative {
        area += (outside - before) / steps.outside * outside / (inside + outside);
        before = outside;
    }
    Ok(area)
}

/// The share of examples from inside that are flagged at the highest threshold that flags at least 95 % of those from
/// outside. 0 is perfect, 0.95 chance.
///
/// # Errors
/// As [`auroc`].
pub fn fpr_at_95_tpr(inside: &Tensor, outside: &Tensor) -> Result<f64> {
    let steps = Steps::new(inside, outside)?;
    // Counts are whole, so 0.95 n is compared without a division's rounding.
    let enough = |outside: f64| outside * 100.0 >= 95.0 * steps.outside;
    let first = steps.cumulative.iter().find(|(_, outside)| enough(*outside));
    Ok(first.map_or(1.0, |(inside, _)| inside / steps.inside))
}

/// What is flagged as the threshold falls from one distinct score to the next.
struct Steps {
    /// (inside, outside) flagged so far.
    cumulative: Vec<(f64, f64)>,
    inside: f64,
    outside: f64,
}

impl Steps {
    fn new(inside: &Tensor, outside: &Tensor) -> Result<Self> {
        let (inside, outside) = (elements("inside", inside)?, elements("outside", outside)?);
        let (n_inside, n_outside) = (inside.len() as f64, outside.len() as f64);
        let mut scores: Vec<(f64, bool)> = inside.into_iter().map(|score| (score, false)).collect();
        scores.extend(outside.into_iter().map(|score| (score, true)));
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut cumulative = Vec::new();
        let mut so_far = (0.0, 0.0);
        // Compared by ==, so that 0 and -0 are one threshold.
        for tie in scores.chunk_by(|a, b| a.0 == b.0) {
            let outside = tie.iter().filter(|(_, outside)| *outside).count() as f64;
            so_far = (so_far.0 + tie.len() as f64 - outside, so_far.1 + outside);
            cumulative.push(so_far);
        }
        Ok(Steps { cumulative, inside: n_inside, outside: n_outside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn ranks_of_five_scores() {
        let (inside, outside) = (Tensor::from_slice(&[1.0, 3.0]), Tensor::from_slice(&[2.0, 4.0, 5.0]));
        // Pairs won by outside: 2>1, 4>1, 4>3, 5>1, 5>3, not 2>3.
        assert!(close(auroc(&inside, &outside).unwrap(), 5.0 / 6.0));
        // From the top: 5 (1/1), 4 (2/2), 3 is inside, 2 (3/4).
        assert!(close(aupr(&inside, &outside).unwrap(), (1.0 + 1.0 + 0.75) / 3.0));
        // All three outside need the threshold 2, which flags 3 as well.
        assert!(close(fpr_at_95_tpr(&inside, &outside).unwrap(), 0.5));
        assert!(close(auroc(&outside, &inside).unwrap(), 1.0 / 6.0));
    }

    #[test]
    fn ties_are_one_threshold_whatever_the_order() {
        let (inside, outside) = (Tensor::from_slice(&[1.0, 1.0, 0.0]), Tensor::from_slice(&[1.0, 2.0]));
        // Pairs: 1 ties twice and wins once, 2 wins three times: (2 * 0.5 + 1 + 3) / 6.
        assert!(close(auroc(&inside, &outside).unwrap(), 5.0 / 6.0));
        // 2: precision 1 at recall 1/2; the tie at 1: precision 2/4.
        assert!(close(aupr(&inside, &outside).unwrap(), 0.5 + 0.5 * 0.5));
        assert!(close(fpr_at_95_tpr(&inside, &outside).unwrap(), 2.0 / 3.0));
        let same = Tensor::from_slice(&[0.5f32; 4]);
        assert!(close(auroc(&same, &same).unwrap(), 0.5) && close(aupr(&same, &same).unwrap(), 0.5));
        assert!(close(auroc(&Tensor::from(0.0), &Tensor::from(-0.0)).unwrap(), 0.5));
    }

    #[test]
    fn nineteen_of_twenty_are_95_percent() {
        let outside = Tensor::arange(20, (tch::Kind::Double, tch::Device::Cpu));
        let inside = Tensor::from_slice(&[0.5, 0.5, 3.0, 30.0]);
        // The threshold 1 flags 19 of the 20, and 3 and 30 of those inside.
        assert!(close(fpr_at_95_tpr(&inside, &outside).unwrap(), 0.5));
    }

    #[test]
    fn nothing_and_nan_are_refused_and_infinity_is_a_score() {
        let some = Tensor::from_slice(&[1.0, f64::INFINITY]);
        assert!(auroc(&some, &some.narrow(0, 0, 0)).is_err());
        assert!(auroc(&some, &Tensor::from(f64::NAN)).is_err());
        assert!(close(auroc(&Tensor::from(2.0), &some).unwrap(), 0.5));
    }
}
