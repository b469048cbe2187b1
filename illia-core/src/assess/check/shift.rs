//! Whether a second set is another kind of data, by how sure a net is of it.

use tch::Tensor;

use crate::assess::metrics::{auroc, elements};
use crate::error::Result;
use crate::likelihood::Uncertainty;

/// How a net's uncertainty about a second set compares with that about the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// By all of it. Where noise is predicted, it is also a difference in noise.
    pub total: Difference,
    /// By what the weights leave open.
    pub epistemic: Difference,
}

/// How numbers of a second set compare with those of a first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// The probability that one of the second set is larger than one of the first: 0.5 is no difference.
    pub auroc: f64,
    /// The probability of a difference as large, in either direction, between two sets of the same kind (Mann & Whitney 1947,
    /// by its normal approximation).
    pub p_value: f64,
}

impl Shift {
    pub(super) fn of(first: &Uncertainty, second: &Uncertainty) -> Result<Shift> {
        Ok(Shift {
            total: Difference::of(&first.total, &second.total)?,
            epistemic: Difference::of(&first.epistemic, &second.epistemic)?,
        })
    }
}

impl Difference {
    fn of(first: &Tensor, second: &Tensor) -> Result<Difference> {
        let auroc = auroc(first, second)?;
        let (first, second) = (elements("first", first)?, elements("second", second)?);
        let (n1, n2) = (first.len() as f64, second.len() as f64);
        let n = n1 + n2;
        let mut all: Vec<f64> = first.into_iter().chain(second).collect();
        all.sort_by(f64::total_cmp);
        // What ties take from the variance of the statistic.
        let ties: f64 =
            all.chunk_by(|a, b| a == b).map(|tie| (tie.len() as f64).powi(3) - tie.len() as f64).sum();
        let variance = ((n + 1.0) - ties / (n * (n - 1.0))) / (12.0 * n1 * n2);
        let z = if variance > 0.0 { (auroc - 0.5) / variance.sqrt() } else { 0.0 };
        let p_value = Tensor::from(z.abs() / std::f64::consts::SQRT_2).erfc().double_value(&[]);
        Ok(Difference { auroc, p_value })
    }
}
