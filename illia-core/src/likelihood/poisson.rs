//! Counts.

use tch::{Kind, Tensor};

use super::{Likelihood, SMALLEST_Q, in_range, matched, mixture, per_example};
use crate::error::{Result, floating};
use crate::noise::{self, Key};

/// Counts: the output holds log rates `[batch, ..]`, the target whole numbers from 0.
///
/// log p(y) = y log rate - rate - log y!
///
/// ```
/// use illia_core::likelihood::{Likelihood, Poisson};
/// use tch::Tensor;
///
/// let log_rate = Tensor::from_slice(&[4f32.ln()]).reshape([1, 1]);
/// assert!((Poisson.mean(&log_rate).double_value(&[0, 0]) - 4.0).abs() < 1e-5);
/// assert!((Poisson.variance(&log_rate).double_value(&[0, 0]) - 4.0).abs() < 1e-5);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Poisson;

impl Likelihood for Poisson {
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        let target = matched("Poisson", output, target)?;
        in_range(&target, 0.0, f64::INFINITY, "a count from 0")?;
        in_range(&target.frac(), 0.0, 0.0, "a count: no part after the point")?;
        Ok(per_example(&(output * &target - output.exp() - (&target + 1.0).lgamma())))
    }

    fn mean(&self, output: &Tensor) -> Tensor {
        output.exp()
    }

    fn variance(&self, output: &Tensor) -> Tensor {
        output.exp()
    }

    fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor> {
        // P(Y <= k) is the regularised upper incomplete gamma function Q(k + 1, rate).
        let below = y.lt(0.0);
        let cdf = (y.floor().clamp_min(0.0) + 1.0).special_gammaincc(&output.exp());
        Some(cdf.masked_fill(&below, 0.0))
    }

    fn sample(&self, output: &Tensor, key: Key) -> Result<Tensor> {
        floating("output", output)?;
        let double = output.to_kind(Kind::Double);
        let rate = double.exp();
        let q = noise::uniforms(key, &rate.size(), Kind::Double, rate.device());
        let q = q.clamp(SMALLEST_Q, 1.0 - SMALLEST_Q);
        let from_above = mixture::inverse(&|y| self.cdf(&double, y), &rate, &rate, &q)?;
        Ok(from_above.floor().clamp_min(0.0).to_kind(output.kind()))
    }

    fn quantile(&self, outputs: &Tensor, q: f64) -> Result<Tensor> {
        let outputs = outputs.to_kind(Kind::Double);
        let rates = outputs.exp();
        // The cdf jumps at whole numbers, which bisection comes near to from above.
        Ok(mixture::quantile(&|y| self.cdf(&outputs, y), &rates, &rates, q)?.floor().clamp_min(0.0))
    }
}
