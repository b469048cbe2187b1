//! What a check found, drawn.

use crate::assess::metrics::{Reliability, RiskCoverage};
use crate::assess::{Calibration, Coverage, Pit};
use crate::plot::{Colour, Picture, Plot};

const DIAGONAL: [(f64, f64); 2] = [(0.0, 0.0), (1.0, 1.0)];

impl Reliability {
    /// The reliability diagram: bars of the share that came true in each bin of confidence, narrow bars of how many examples were in it,
    /// and in dashes what perfect calibration is.
    pub fn plot(&self) -> Picture {
        let total: usize = self.bins.iter().map(|bin| bin.count).sum();
        let filled = || self.bins.iter().filter(|bin| bin.count > 0);
        let share = filled().map(|bin| {
            let (low, high) = bin.range;
            let (middle, half) = ((low + high) / 2.0, (high - low) / 5.0);
            ((middle - half, middle + half), bin.count as f64 / total as f64)
        });
        unit("confidence", "share")
            .bars_between(Colour::First, filled().map(|bin| (bin.range, bin.accuracy)))
            .named("came true")
            .bars_between(Colour::Ink, share)
            .named("of all examples")
            .dashed_through(Colour::Ink, DIAGONAL)
            .picture()
    }
}

impl RiskCoverage {
    /// The mean loss of what is kept against how much that is.
    pub fn plot(&self) -> Picture {
        let points = self.coverage.iter().zip(&self.risk).map(|(&kept, &risk)| (kept, risk));
        Plot::new("coverage", "mean loss").x_range(0.0, 1.0).line_through(Colour::First, points).picture()
    }
}

impl Calibration {
    /// All that it found beside each other: how often intervals held their target and where targets lie, or for classes the
    /// reliability diagram.
    pub fn plot(&self) -> Picture {
        let coverage = (!self.coverage.is_empty()).then(|| coverage(&self.coverage));
        let found =
            [coverage, self.pit.as_ref().map(Pit::plot), self.reliability.as_ref().map(Reliability::plot)];
        Picture::row(found.into_iter().flatten())
    }
}

/// How many intervals of each level hold their target, with the range of chance.
pub(super) fn coverage(levels: &[Coverage]) -> Picture {
    let by_chance =
        |Coverage { level, by_chance: (low, high), .. }: &Coverage| [(*level, *low), (*level, *high)];
    let mut plot = unit("level of the interval", "share held").dashed_through(Colour::Ink, DIAGONAL);
    for (at, level) in levels.iter().enumerate() {
        plot = plot.line_through(Colour::Muted, by_chance(level));
        if at == 0 {
            plot = plot.named("by chance");
        }
    }
    plot.line_through(Colour::First, levels.iter().map(|c| (c.level, c.observed))).named("observed").picture()
}

/// Parts of 0 to 1 that the transformed targets are counted in.
const PARTS: usize = 10;

impl Pit {
    /// How many targets lie in each tenth of their predictive distributions, between the dashed lines where chance leaves them.
    pub fn plot(&self) -> Picture {
        let (low, high) = self.histogram_by_chance(PARTS);
        let edge = |bin: usize| bin as f64 / PARTS as f64;
        let counts = self.histogram(PARTS).into_iter().enumerate();
        let mut plot =
            Plot::new("place in the predictive distribution", "targets").x_range(0.0, 1.0).bars_between(
                Colour::First,
                counts.map(|(bin, count)| ((edge(bin), edge(bin + 1)), count as f64)),
            );
        for at in [low, high] {
            plot = plot.dashed_through(Colour::Ink, [(0.0, at), (1.0, at)]);
        }
        plot.named("by chance").picture()
    }
}

#[cfg(feature = "report")]
const BINS: usize = 30;

/// Shares of two sets in bins that they have in common.
#[cfg(feature = "report")]
pub(super) fn histogram(inside: &[f64], outside: &[f64]) -> Picture {
    let all = || inside.iter().chain(outside).copied();
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let width = if high > low { (high - low) / BINS as f64 } else { 1.0 };
    let edges = |bin: usize| (low + width * bin as f64, low + width * (bin + 1) as f64);
    let shares = |values: &[f64]| {
        let mut counts = vec![0usize; BINS];
        for value in values {
            let bin = (((value - low) / width) as usize).min(BINS - 1);
            if let Some(count) = counts.get_mut(bin) {
                *count += 1;
            }
        }
        let share = |(bin, count)| (edges(bin), count as f64 / values.len().max(1) as f64);
        counts.into_iter().enumerate().map(share).collect::<Vec<_>>()
    };
    let outline = shares(outside).into_iter().flat_map(|((from, to), share)| [(from, share), (to, share)]);
    Plot::new("uncertainty", "share")
        .bars_between(Colour::First, shares(inside).into_iter().filter(|(_, share)| *share > 0.0))
        .named("in distribution")
        .line_through(Colour::Second, outline)
        .named("out of it")
        .picture()
}

/// Shares against shares.
fn unit(x: &str, y: &str) -> Plot {
    Plot::new(x, y).x_range(0.0, 1.0).y_range(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};

    use crate::assess::metrics::{reliability, risk_coverage};

    #[test]
    fn a_reliability_diagram_has_two_bars_for_each_bin_that_has_examples() {
        let score = Tensor::linspace(0.05, 0.95, 40, (Kind::Double, Device::Cpu));
        let p = Tensor::stack(&[&score, &(1.0 - &score)], 1);
        let diagram = reliability(&p, &score.lt(0.4).to_kind(Kind::Int64), 15).unwrap();
        let filled = diagram.bins.iter().filter(|bin| bin.count > 0).count();
        assert_eq!(diagram.plot().svg().matches("<rect").count(), 1 + 2 * filled);
        let curve = risk_coverage(&score, &score).unwrap().plot().svg();
        assert!(curve.contains("<polyline") && !curve.contains("NaN"));
    }
}
