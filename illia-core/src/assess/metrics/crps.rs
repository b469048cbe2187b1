//! The continuous ranked probability score: of draws, of a Gaussian, of a mixture of Gaussians.

use std::f64::consts::PI;

use tch::{Device, Kind, Tensor};

use super::numbers::sorted_rows;
use super::{finite, mean, same_shape};
use crate::error::{Error, Result};

/// The mean continuous ranked probability score of the empirical distribution of draws of y, `[draws, ..]`, against
/// targets `[..]`, in the target's unit: E|X - y| - E|X - X'| / 2 (Gneiting & Raftery 2007, equation 21). One draw's
/// is its absolute error.
///
/// The draws are of observations, noise included.
///
/// # Errors
/// [`Error::Shape`] if the draws' shape after the first axis is not the target's; [`Error::Configuration`] for no
/// elements or one that is not finite.
pub fn crps_draws(draws: &Tensor, target: &Tensor) -> Result<f64> {
    Ok(mean(crps_elements(draws, target, Pairs::All)?.iter().copied()))
}

/// [`crps_draws`] of each element for itself, in the target's shape and of 64-bit floats.
///
/// # Errors
/// As [`crps_draws`].
pub fn crps_draws_each(draws: &Tensor, target: &Tensor) -> Result<Tensor> {
    Ok(Tensor::from_slice(&crps_elements(draws, target, Pairs::All)?).reshape(target.size()))
}

/// The mean fair continuous ranked probability score of draws of y, `[draws, ..]`, against targets `[..]`, in the
/// target's unit: as [`crps_draws`], with the mean of |X - X'| over pairs of different draws, whose expectation does not
/// depend on how many draws there are (Ferro 2014).
///
/// # Errors
/// As [`crps_draws`], and [`Error::Configuration`] for a single draw.
pub fn crps_fair(draws: &Tensor, target: &Tensor) -> Result<f64> {
    Ok(mean(crps_elements(draws, target, Pairs::Different)?.iter().copied()))
}

/// [`crps_fair`] of each element for itself, in the target's shape and of 64-bit floats.
///
/// # Errors
/// As [`crps_fair`].
pub fn crps_fair_each(draws: &Tensor, target: &Tensor) -> Result<Tensor> {
    Ok(Tensor::from_slice(&crps_elements(draws, target, Pairs::Different)?).reshape(target.size()))
}

/// Which pairs of draws the mean of |X - X'| is taken over.
#[derive(Clone, Copy, PartialEq)]
enum Pairs {
    /// Each draw with itself too: the empirical distribution's own score.
    All,
    /// Different draws only: an unbiased estimate of the score of what was drawn from.
    Different,
}

/// The score of each element of `target`, in row-major order.
fn crps_elements(draws: &Tensor, target: &Tensor, pairs: Pairs) -> Result<Vec<f64>> {
    components("draws", draws, target)?;
    let count = draws.size().first().copied().unwrap_or(1);
    if pairs == Pairs::Different && count == 1 {
        return Err(Error::configuration("draws", count, "at least 2 for the fair score"));
    }
    let target = finite("target", target)?;
    let n = count as f64;
    let count_of_pairs = if pairs == Pairs::All { n * n } else { n * (n - 1.0) };
    let each = |(sorted, y): (Vec<f64>, &f64)| {
        let error: f64 = sorted.iter().map(|x| (x - y).abs()).sum::<f64>() / n;
        // sum over pairs |x_i - x_j| = 2 sum_i (2 i - n + 1) x_(i), i from 0.
        let spread: f64 = sorted.iter().enumerate().map(|(i, x)| (2.0 * i as f64 - n + 1.0) * x).sum();
        error - spread / count_of_pairs
    };
    Ok(sorted_rows(draws, count)?.into_iter().zip(&target).map(each).collect())
}

/// The mean continuous ranked probability score of N(mean, std²), in the target's unit (Gneiting & Raftery 2007,
/// equation 5); all tensors of one shape.
///
/// ```
/// use illia_core::metrics;
/// use tch::Tensor;
///
/// let (mean, target) = (Tensor::from_slice(&[0.0]), Tensor::from_slice(&[0.0]));
/// let [sharp, wide] = [0.1, 1.0].map(|std| metrics::crps_gaussian(&mean, &Tensor::from_slice(&[std]), &target));
/// assert!(sharp? < wide?);
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// # Errors
/// As [`rmse`](super::rmse); and [`Error::Configuration`] for a std below 0.
pub fn crps_gaussian(mean: &Tensor, std: &Tensor, target: &Tensor) -> Result<f64> {
    same_shape("std", mean, std)?;
    same_shape("target", mean, target)?;
    crps_mixture(&mean.unsqueeze(0), &std.unsqueeze(0), target)
}

/// The mean continuous ranked probability score of the mixture over draws of N(mean, std²), `[draws, ..]`, against
/// targets `[..]`, in the target's unit (Grimit et al. 2006, equation 3).
///
/// # Errors
/// [`Error::Shape`] if the draws' shape after the first axis is not the target's, or mean and std differ in shape;
/// [`Error::Configuration`] for no elements, one that is not finite, or a std below 0.
pub fn crps_mixture(mean: &Tensor, std: &Tensor, target: &Tensor) -> Result<f64> {
    same_shape("std", mean, std)?;
    components("mean", mean, target)?;
    finite("mean", mean)?;
    finite("target", target)?;
    if let Some(std) = finite("std", std)?.iter().find(|std| **std < 0.0) {
        return Err(Error::configuration("std", std, "from 0"));
    }
    let rows =
        |t: &Tensor, rows: i64| t.detach().to_device(Device::Cpu).to_kind(Kind::Double).reshape([rows, -1]);
    let draws = mean.size().first().copied().unwrap_or(1);
    let (mean, std, target) = (rows(mean, draws), rows(std, draws), rows(target, 1));
    let variance = std.square();
    let error = expected_distance(&(&target - &mean), &variance).mean(Kind::Double);
    // One draw against all others at a time: what bounds the memory.
    let mut spread = 0.0;
    for s in 0..draws {
        let distance = &mean - mean.select(0, s);
        let sum = &variance + variance.select(0, s);
        spread += expected_distance(&distance, &sum).mean(Kind::Double).double_value(&[]) / draws as f64;
    }
    Ok(error.double_value(&[]) - spread / 2.0)
}

/// E|X| for X ~ N(m, v): 2 s phi(m / s) + m (2 Phi(m / s) - 1), |m| where v is 0.
fn expected_distance(m: &Tensor, v: &Tensor) -> Tensor {
    let s = v.sqrt().clamp_min(f64::MIN_POSITIVE);
    let z = m / &s;
    let density = (z.square() * -0.5).exp() / (2.0 * PI).sqrt();
    s * density * 2.0 + m * (z.special_ndtr() * 2.0 - 1.0)
}

/// Refuses draws `[draws, ..]` that don't belong to targets `[..]`.
fn components(name: &str, draws: &Tensor, target: &Tensor) -> Result<()> {
    let given = draws.size();
    if given.split_first().is_some_and(|(_, rest)| rest == target.size()) {
        return Ok(());
    }
    let axes: String = target.size().iter().map(|n| format!(", {n}")).collect();
    Err(Error::Shape { layer: name.to_owned(), expected: format!("[draws{axes}]"), given })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn crps_of_two_draws() {
        // Draws 0 and 2, y = 1: E|X - y| = 1, E|X - X'| = (0 + 2 + 2 + 0) / 4 = 1.
        let draws = Tensor::from_slice(&[0.0, 2.0]).reshape([2, 1]);
        assert!(close(crps_draws(&draws, &Tensor::from_slice(&[1.0])).unwrap(), 0.5));
        // Two targets, one draw: the mean absolute error.
        let draw = Tensor::from_slice(&[3.0, 5.0]).reshape([1, 2]);
        assert!(close(crps_draws(&draw, &Tensor::from_slice(&[1.0, 6.0])).unwrap(), 1.5));
        assert!(crps_draws(&draw, &Tensor::from_slice(&[1.0])).is_err());
        // The fair score of 0 and 2: the only pair is 2 apart.
        assert!(close(crps_fair(&draws, &Tensor::from_slice(&[1.0])).unwrap(), 0.0));
        assert!(crps_fair(&draw, &Tensor::from_slice(&[1.0, 6.0])).is_err());
        let each = crps_draws_each(&draw, &Tensor::from_slice(&[1.0, 6.0])).unwrap();
        assert_eq!(Vec::<f64>::try_from(each).unwrap(), [2.0, 1.0]);
    }

    #[test]
    fn crps_of_a_gaussian() {
        // At its mean, a standard normal scores 2 phi(0) - 1 / sqrt(pi).
        let at_mean = (2.0 / PI).sqrt() - 1.0 / PI.sqrt();
        let zero = Tensor::from_slice(&[0.0]);
        let one = Tensor::from_slice(&[1.0]);
        assert!(close(crps_gaussian(&zero, &one, &zero).unwrap(), at_mean));
        // Scores scale with the unit.
        assert!(close(crps_gaussian(&zero, &(&one * 3.0), &zero).unwrap(), 3.0 * at_mean));
        // Without spread it is the absolute error.
        assert!(close(crps_gaussian(&zero, &zero, &one).unwrap(), 1.0));
        assert!(crps_gaussian(&zero, &(&one * -1.0), &zero).is_err());
    }

    #[test]
    fn crps_of_mixtures() {
        let y = Tensor::from_slice(&[0.3]);
        let of = |means: &[f64], std: f64| {
            let means = Tensor::from_slice(means).reshape([-1, 1]);
            crps_mixture(&means, &means.full_like(std), &y).unwrap()
        };
        // Two equal components are one.
        assert!(close(of(&[0.1, 0.1], 0.7), of(&[0.1], 0.7)));
        // Components without spread are draws.
        let draws = [0.0, 2.0, 5.0];
        let empirical = crps_draws(&Tensor::from_slice(&draws).reshape([3, 1]), &y).unwrap();
        assert!(close(of(&draws, 0.0), empirical));
    }

    #[test]
    fn crps_is_the_integral_of_the_squared_distance_between_cdfs() {
        let means = Tensor::from_slice(&[-1.0, 0.5]).reshape([2, 1]);
        let stds = Tensor::from_slice(&[0.4, 1.1]).reshape([2, 1]);
        let y = 0.2;
        let step = 1e-3;
        let at = Tensor::arange_start_step(-12.0, 12.0, step, (Kind::Double, Device::Cpu)) + step / 2.0;
        let cdf = ((&at - &means) / &stds).special_ndtr().mean_dim(0i64, false, Kind::Double);
        let integral = (cdf - at.ge(y).to_kind(Kind::Double)).square().sum(Kind::Double) * step;
        let score = crps_mixture(&means, &stds, &Tensor::from_slice(&[y])).unwrap();
        assert!((score - integral.double_value(&[])).abs() < 1e-6);
    }
}
