//! Reliability: of what is said to be 80 % sure, 80 % should be right.

use illia::metrics::Reliability;
use plotters::style::Color;

use super::axes::{Axes, BAYESIAN, LABEL, MUTED, PALE, TICK, TITLE, TWIN};
use super::figure::{Anchor, Figure};

/// A panel for each title; of each, the Bayesian net's numbers and, where there is one, its twin's.
pub fn draw(panels: &[(&str, &[Reliability])]) -> Figure {
    let mut figure = Figure::new(480.0 * panels.len() as f64, 510.0);
    for (i, (title, nets)) in panels.iter().enumerate() {
        panel(&mut figure, 480.0 * i as f64, title, nets);
    }
    figure
}

fn panel(figure: &mut Figure, left: f64, title: &str, nets: &[Reliability]) {
    let fifths = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];
    let (right, top, bottom) = (left + 448.0, 84.0, 454.0);
    let axes = Axes { left: left + 78.0, top, right, bottom, x: (0.0, 1.0), y: (0.0, 1.0) };
    figure.text((left + 24.0, 26.0), title, TITLE, Anchor::Left);
    axes.draw(figure, &fifths, &fifths, ("confidence", "accuracy"));
    figure.dashes(axes.at(0.0, 0.0), axes.at(1.0, 1.0), PALE, 1.5);
    let (x, y) = axes.at(0.3, 0.3);
    figure.text((x - 8.0, y - 10.0), "calibrated", TICK.coloured(MUTED), Anchor::Right);
    for (i, (reliability, (name, colour))) in
        nets.iter().zip([("Bayesian", BAYESIAN), ("deterministic", TWIN)]).enumerate().rev()
    {
        let total: usize = reliability.bins.iter().map(|bin| bin.count).sum();
        for bin in reliability.bins.iter().filter(|bin| bin.count > 0) {
            // The stem is the gap that the calibration error adds up.
            let at = axes.at(bin.confidence, bin.accuracy);
            figure.line(&[at, axes.at(bin.confidence, bin.confidence)], colour.mix(0.5), 1.6);
            let share = bin.count as f64 / total.max(1) as f64;
            figure.disc(at, 3.0 + 12.0 * share.sqrt(), colour.mix(0.8));
        }
        let at = left + 26.0 + 212.0 * i as f64;
        figure.disc((at + 5.0, 54.0), 6.0, colour.mix(0.8));
        let text = format!("{name}, ECE {:.3}", reliability.ece());
        figure.text((at + 19.0, 54.0), text, LABEL, Anchor::Left);
    }
    figure.text((right, 26.0), "area: number of examples", TICK, Anchor::Right);
}
