//! Scores of predicted numbers, intervals and distributions over numbers.

use std::f64::consts::PI;

use tch::Tensor;

use super::{finite, mean, same_shape};
use crate::error::{Error, Result};

/// The root of the mean squared error; both tensors of one shape.
///
/// ```
/// use tch::Tensor;
///
/// let (predicted, target) = (Tensor::from_slice(&[1.0, 2.0]), Tensor::from_slice(&[1.0, 4.0]));
/// assert!((illia_core::metrics::rmse(&predicted, &target)? - 2f64.sqrt()).abs() < 1e-9);
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] for different shapes (`[batch]` and `[batch, 1]` differ); [`Error::Configuration`] for no elements
/// or one that is not finite.
pub fn rmse(prediction: &Tensor, target: &Tensor) -> Result<f64> {
    same_shape("target", prediction, target)?;
    let (prediction, target) = (finite("prediction", prediction)?, finite("target", target)?);
    Ok(mean(prediction.iter().zip(&target).map(|(p, y)| (p - y).powi(2))).sqrt())
}

/// The mean of -log N(target; mean, variance), in nats per element; all tensors of one shape: the score of the Gaussian
/// that has a prediction's mean and its whole variance, noise included. That of the mixture over draws is
/// [`Likelihood::log_predictive`](crate::likelihood::Likelihood::log_predictive).
///
/// # Errors
/// As [`rmse`]; and [`Error::Configuration`] for a variance that is not above 0.
pub fn nll_gaussian(mean: &Tensor, variance: &Tensor, target: &Tensor) -> Result<f64> {
    same_shape("variance", mean, variance)?;
    same_shape("target", mean, target)?;
    let (means, variances) = (finite("mean", mean)?, finite("variance", variance)?);
    if let Some(variance) = variances.iter().find(|variance| **variance <= 0.0) {
        return Err(Error::configuration("variance", variance, "above 0"));
    }
    let targets = finite("target", target)?;
    let each = |((m, v), y): ((&f64, &f64), &f64)| ((y - m).powi(2) / v + (2.0 * PI * v).ln()) / 2.0;
    Ok(super::mean(means.iter().zip(&variances).zip(&targets).map(each)))
}

/// The central interval of draws `[draws, ..]` that holds `level` of them, (low, high), each `[..]`: the quantiles
/// (1 - level) / 2 and (1 + level) / 2 of each element, linear between its two neighbouring draws in order.
///
/// The interval of a mixture whose components are known is
/// [`Likelihood::interval`](crate::likelihood::Likelihood::interval).
///
/// # Errors
/// [`Error::Configuration`] unless 0 <= level <= 1, and for no draws or one that is not finite; [`Error::Shape`] without
/// the axis of draws.
pub fn interval_of_draws(draws: &Tensor, level: f64) -> Result<(Tensor, Tensor)> {
    if !(0.0..=1.0).contains(&level) {
        return Err(Error::configuration("level", level, "from 0 to 1"));
    }
    let size = draws.size();
    let Some((&count, rest)) = size.split_first() else {
        let expected = "[draws, ..]".to_owned();
        return Err(Error::Shape { layer: "draws".to_owned(), expected, given: size });
    };
    let rows = sorted_rows(draws, count)?;
    let quantile = |q: f64| {
        let place = q * (count - 1) as f64;
        let below = place.floor();
        let at = |row: &[f64], i: f64| row.get(i as usize).copied().unwrap_or(0.0);
        let between = |row: &Vec<f64>| {
            let (low, high) = (at(row, below), at(row, place.ceil()));
            low + (high - low) * (place - below)
        };
        let values: Vec<f64> = rows.iter().map(between).collect();
        Tensor::from_slice(&values).reshape(rest).to_kind(draws.kind()).to_device(draws.device())
    };
    Ok((quantile((1.0 - level) / 2.0), quantile((1.0 + level) / 2.0)))
}

/// The mean width of intervals, in the target's unit; both tensors of one shape.
///
/// # Errors
/// As [`interval_coverage`], and [`Error::Configuration`] for an end that is not finite.
pub fn interval_width(low: &Tensor, high: &Tensor) -> Result<f64> {
    same_shape("high", low, high)?;
    let (low, high) = (finite("low", low)?, finite("high", high)?);
    ordered(&low, &high)?;
    Ok(mean(low.iter().zip(&high).map(|(low, high)| high - low)))
}

/// The share of targets within their interval, ends included; all tensors of one shape.
///
/// ```
/// use illia_core::metrics;
/// use tch::{Device, Kind, Tensor};
///
/// let draws = Tensor::linspace(0.0, 1.0, 101, (Kind::Double, Device::Cpu)).unsqueeze(1); // [draws, examples]
/// let (low, high) = metrics::interval_of_draws(&draws, 0.9)?;
/// assert!((metrics::interval_width(&low, &high)? - 0.9).abs() < 1e-6);
/// assert_eq!(metrics::interval_coverage(&low, &high, &Tensor::from_slice(&[0.5]))?, 1.0);
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// # Errors
/// As [`rmse`]; and [`Error::Configuration`] for an interval whose low end lies above its high one.
pub fn interval_coverage(low: &Tensor, high: &Tensor, target: &Tensor) -> Result<f64> {
    same_shape("high", low, high)?;
    same_shape("target", low, target)?;
    let (low, high) = (super::elements("low", low)?, super::elements("high", high)?);
    ordered(&low, &high)?;
    let target = finite("target", target)?;
    let inside = |((low, high), y): ((&f64, &f64), &f64)| f64::from(u8::from(low <= y && y <= high));
    Ok(mean(low.iter().zip(&high).zip(&target).map(inside)))
}

/// For each element after the first axis of `count` draws, its draws in order.
pub(super) fn sorted_rows(draws: &Tensor, count: i64) -> Result<Vec<Vec<f64>>> {
    if draws.numel() == 0 {
        return Err(Error::configuration("draws", "empty", "at least one element"));
    }
    let values = finite("draws", &draws.reshape([count, -1]).tr())?;
    let sorted = |row: &[f64]| {
        let mut row = row.to_vec();
        row.sort_by(f64::total_cmp);
        row
    };
    Ok(values.chunks(count as usize).map(sorted).collect())
}

/// Refuses intervals whose ends are the wrong way round.
fn ordered(low: &[f64], high: &[f64]) -> Result<()> {
    match low.iter().zip(high).find(|(low, high)| low > high) {
        Some((low, high)) => {
            Err(Error::configuration("interval", format!("{low} to {high}"), "low ends first"))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn squared_errors_and_intervals_of_three() {
        let y = Tensor::from_slice(&[1.0, 2.0, 4.0]);
        let p = Tensor::from_slice(&[1.0, 4.0, 3.0]);
        assert!(close(rmse(&p, &y).unwrap(), (5.0f64 / 3.0).sqrt()));
        let (low, high) = (Tensor::from_slice(&[1.0, 0.0, 5.0]), Tensor::from_slice(&[1.0, 1.0, 6.0]));
        assert!(close(interval_coverage(&low, &high, &y).unwrap(), 1.0 / 3.0));
        assert!(interval_coverage(&high, &low, &y).is_err());
        assert!(rmse(&p, &y.reshape([3, 1])).is_err());
        assert!(rmse(&(&p * f64::INFINITY), &y).is_err());
        assert!(rmse(&p.narrow(0, 0, 0), &y.narrow(0, 0, 0)).is_err());
    }

    #[test]
    fn the_gaussian_score_of_two() {
        let (m, v) = (Tensor::from_slice(&[0.0, 1.0]), Tensor::from_slice(&[1.0, 4.0]));
        let y = Tensor::from_slice(&[1.0, 1.0]);
        // log sqrt(2 pi) + 1/2, and log (2 sqrt(2 pi)).
        let log = (2.0 * PI).sqrt().ln();
        assert!(close(nll_gaussian(&m, &v, &y).unwrap(), (2.0 * log + 0.5 + 2f64.ln()) / 2.0));
        assert!(
            nll_gaussian(&m, &(&v - 1.0), &y).is_err() && nll_gaussian(&m, &v.reshape([2, 1]), &y).is_err()
        );
    }

    #[test]
    fn intervals_of_five_draws() {
        let draws = Tensor::from_slice(&[3.0f32, 0.0, 4.0, 1.0, 2.0]).reshape([5, 1])
            * Tensor::from_slice(&[1f32, -2.0]);
        let ends = |level| {
            let (low, high) = interval_of_draws(&draws, level).unwrap();
            assert_eq!(low.kind(), Kind::Float);
            [low, high].map(|t| Vec::<f64>::try_from(t.to_kind(Kind::Double)).unwrap())
        };
        assert_eq!(ends(1.0), [[0.0, -8.0], [4.0, 0.0]]);
        assert_eq!(ends(0.0), [[2.0, -4.0], [2.0, -4.0]]);
        // The places 0.5 and 3.5 of 0 to 4.
        assert_eq!(ends(0.75), [[0.5, -7.0], [3.5, -1.0]]);
        let (low, high) = interval_of_draws(&draws, 0.75).unwrap();
        assert!(close(interval_width(&low, &high).unwrap(), 4.5));
        assert!(interval_width(&high, &low).is_err());
        assert!(
            interval_of_draws(&draws, 1.1).is_err()
                && interval_of_draws(&draws.narrow(0, 0, 0), 0.5).is_err()
        );
        assert!(interval_of_draws(&Tensor::from(1.0), 0.5).is_err());
    }
}
