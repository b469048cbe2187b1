//! Selective prediction: what error remains if the most uncertain examples are left to somebody else.

use tch::Tensor;

use super::{elements, finite, same_shape};
use crate::error::Result;

/// A risk-coverage curve (El-Yaniv & Wiener 2010).
#[derive(Debug, Clone, PartialEq)]
pub struct RiskCoverage {
    /// The share of examples kept: 1/n, 2/n, …, 1.
    pub coverage: Vec<f64>,
    /// The mean loss of those.
    pub risk: Vec<f64>,
}

impl RiskCoverage {
    /// The mean risk over all coverages (AURC; Geifman & El-Yaniv 2017): lower is better.
    pub fn area(&self) -> f64 {
        self.risk.iter().sum::<f64>() / self.risk.len().max(1) as f64
    }

    /// The area under the curve from coverage 1/n to 1 by the trapezoidal rule, divided by that width 1 - 1/n: the other
    /// form of the AURC in use. Of one example it is the risk.
    pub fn area_trapezoid(&self) -> f64 {
        let corner = |end: Option<&f64>| end.copied().unwrap_or(0.0) / 2.0;
        let ends = corner(self.risk.first()) + corner(self.risk.last());
        match self.risk.len() {
            0 | 1 => ends,
            n => (self.risk.iter().sum::<f64>() - ends) / (n - 1) as f64,
        }
    }
}

/// The curve of examples in the order of their `uncertainty`, the surest first, under a `loss` of each: 0 for right and 1
/// for wrong, say. Both `[batch]`.
///
/// Examples of equal uncertainty share their mean loss, so that the curve does not depend on their order.
///
/// ```
/// use tch::Tensor;
///
/// // The one mistake is the most uncertain: without it there is no loss left.
/// let (uncertainty, wrong) = (Tensor::from_slice(&[0.1, 0.2, 0.9]), Tensor::from_slice(&[0.0, 0.0, 1.0]));
/// let curve = illia_core::metrics::risk_coverage(&uncertainty, &wrong)?;
/// assert_eq!(curve.risk.first(), Some(&0.0));
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// # Errors
/// [`Error`](crate::Error) for different shapes, no examples, NaN, or a loss that is not finite.
pub fn risk_coverage(uncertainty: &Tensor, loss: &Tensor) -> Result<RiskCoverage> {
    same_shape("loss", uncertainty, loss)?;
    let mut examples: Vec<(f64, f64)> =
        elements("uncertainty", uncertainty)?.into_iter().zip(finite("loss", loss)?).collect();
    examples.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = examples.len() as f64;
    let (mut coverage, mut risk, mut sum) = (Vec::new(), Vec::new(), 0.0);
    for tie in examples.chunk_by(|a, b| a.0 == b.0) {
        let share = tie.iter().map(|(_, loss)| loss).sum::<f64>() / tie.len() as f64;
        for _ in tie {
            sum += share;
            let kept = coverage.len() as f64 + 1.0;
            coverage.push(kept / n);
            risk.push(sum / kept);
        }
    }
    Ok(RiskCoverage { coverage, risk })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_first() {
        let uncertainty = Tensor::from_slice(&[0.9, 0.1, 0.5, 0.2]);
        let wrong = Tensor::from_slice(&[1.0, 0.0, 1.0, 0.0]);
        let curve = risk_coverage(&uncertainty, &wrong).unwrap();
        assert_eq!(curve.coverage, [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(curve.risk, [0.0, 0.0, 1.0 / 3.0, 0.5]);
        assert!((curve.area() - (1.0 / 3.0 + 0.5) / 4.0).abs() < 1e-12);
        // Trapezoids of width 1/4: 0, (0 + 1/3) / 2, (1/3 + 1/2) / 2.
        assert!((curve.area_trapezoid() - (1.0 / 6.0 + 5.0 / 12.0) / 3.0).abs() < 1e-12);
        let one = risk_coverage(&uncertainty.narrow(0, 0, 1), &wrong.narrow(0, 0, 1)).unwrap();
        assert_eq!(one.area_trapezoid(), 1.0);
    }

    #[test]
    fn ties_share_their_loss() {
        let uncertainty = Tensor::from_slice(&[1.0, 1.0, 0.0]);
        let curve = risk_coverage(&uncertainty, &Tensor::from_slice(&[1.0, 0.0, 0.0])).unwrap();
        let turned = risk_coverage(&uncertainty, &Tensor::from_slice(&[0.0, 1.0, 0.0])).unwrap();
        assert_eq!(curve, turned);
        assert_eq!(curve.risk, [0.0, 0.25, 1.0 / 3.0]);
    }

    #[test]
    fn shapes_that_differ_and_nan_are_refused() {
        let four = Tensor::from_slice(&[1.0, 2.0, 3.0, 4.0]);
        assert!(risk_coverage(&four, &four.reshape([4, 1])).is_err());
        assert!(risk_coverage(&(&four * f64::NAN), &four).is_err());
        assert!(risk_coverage(&four.narrow(0, 0, 0), &four.narrow(0, 0, 0)).is_err());
    }
}
