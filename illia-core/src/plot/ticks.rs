//! Round numbers along an axis.

use super::Point;

/// Beyond it there is nothing to be seen, and arithmetic may end at infinity.
const FAR: f64 = 1e30;

/// Whether a value can be drawn.
pub(super) fn is_drawn(value: f64) -> bool {
    value.abs() <= FAR
}

/// The ends of an axis that shows all of `values`; of nothing, 0 to 1.
pub(super) fn range(values: impl Iterator<Item = f64>) -> Point {
    let (low, high) = values
        .filter(|value| is_drawn(*value))
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high { (0.0, 1.0) } else { with_an_extent((low, high)) }
}

/// A range that is none, or too small for its numbers to differ, would put everything at infinity.
pub(super) fn with_an_extent((low, high): Point) -> Point {
    if low.is_nan() || high.is_nan() {
        return (0.0, 1.0);
    }
    let (low, high) = (low.clamp(-FAR, FAR), high.clamp(-FAR, FAR));
    let least = 1e-9 * low.abs().max(high.abs()).max(1.0 / FAR);
    if high - low >= least {
        return (low, high);
    }
    let half = if low.abs() < 1.0 / FAR { 0.5 } else { low.abs() / 2.0 };
    (low - half, low + half)
}

/// About so many round numbers from one end to the other, three at least.
pub(super) fn ticks((low, high): Point, count: f64) -> Vec<f64> {
    let of = |count: f64| -> Vec<f64> {
        let step = step(high - low, count);
        let (first, last) = ((low / step - 1e-6).ceil(), (high / step + 1e-6).floor());
        (0..=(last - first).clamp(0.0, 100.0) as usize).map(|i| (first + i as f64) * step).collect()
    };
    let found =
        [1.0, 1.5, 2.0, 3.0].map(|more| of(count.max(1.0) * more)).into_iter().find(|ticks| ticks.len() >= 3);
    found.unwrap_or_else(|| of(count))
}

/// The range up to the round numbers around it, with 0 where that is near.
pub(super) fn rounded((low, high): Point, count: f64) -> Point {
    let (low, high) = match (low, high) {
        (low, high) if low > 0.0 && low < high / 2.0 => (0.0, high),
        (low, high) if high < 0.0 && high > low / 2.0 => (low, 0.0),
        near => near,
    };
    let step = step(high - low, count);
    ((low / step + 1e-6).floor() * step, (high / step - 1e-6).ceil() * step)
}

fn step(extent: f64, count: f64) -> f64 {
    let least = (extent / count.max(1.0)).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0].into_iter().find(|factor| factor * power >= least * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// A tick in words, with as many decimals as tell it from the next.
pub(super) fn label(value: f64, ticks: &[f64]) -> String {
    let step = ticks.array_windows().map(|[a, b]| (b - a).abs()).fold(f64::INFINITY, f64::min);
    let largest = ticks.iter().map(|tick| tick.abs()).fold(0.0, f64::max);
    if largest >= 1e6 || step < 1e-4 {
        let text = format!("{value:.2e}");
        return text.split_once('e').map_or(text.clone(), |(number, power)| {
            let number = number.trim_end_matches('0').trim_end_matches('.');
            if number == "0" { "0".to_owned() } else { format!("{number}e{power}") }
        });
    }
    let is_whole = |decimals: i32| {
        let scaled = step * 10f64.powi(decimals);
        (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0)
    };
    let decimals = if step.is_finite() { (0..6).find(|&d| is_whole(d)).unwrap_or(6) } else { 2 };
    let text = format!("{value:.*}", decimals as usize);
    // A minus before nothing.
    if text.trim_start_matches(['-', '0', '.']).is_empty() {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_range() {
        let labels = |range, count| {
            let ticks = ticks(range, count);
            ticks.iter().map(|&tick| label(tick, &ticks)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(labels((0.0, 1.0), 4.0), "0.00 0.25 0.50 0.75 1.00");
        assert_eq!(labels((-3.0, 3.0), 3.0), "-2 0 2");
        assert_eq!(labels((1.0, 20.0), 5.0), "5 10 15 20");
        assert_eq!(labels((-8.0, 8.0), 2.0), "-5 0 5");
        assert_eq!(labels((-1.5, 1.5), 2.0), "-1 0 1");
        assert_eq!(labels((0.0, 3e-5), 3.0), "0 1e-5 2e-5 3e-5");
        assert_eq!(labels((0.0, 2.5e6), 4.0), "0 1e6 2e6");
        assert_eq!(rounded((0.3, 2.2), 4.0), (0.0, 3.0));
        let (low, high) = rounded((-1.32, -1.11), 4.0);
        assert!((low + 1.4).abs() < 1e-9 && (high + 1.1).abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn ranges_have_an_extent_whatever_is_to_be_shown() {
        for values in [
            vec![],
            vec![f64::NAN, f64::INFINITY],
            vec![0.0],
            vec![7.0; 3],
            vec![1e16, 1e16 + 2.0],
            vec![5e-324],
        ] {
            let (low, high) = range(values.iter().copied());
            assert!(high > low && (high - low).is_finite(), "{values:?}");
            let ticks = ticks(rounded((low, high), 4.0), 4.0);
            assert!((1..20).contains(&ticks.len()), "{values:?}: {ticks:?}");
        }
        assert_eq!(range([2.0, -1.0, f64::NAN].into_iter()), (-1.0, 2.0));
    }
}
