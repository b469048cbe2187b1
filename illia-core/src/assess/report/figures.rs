//! The report's figures as inline SVG; their colours come from the page's style.

use std::fmt::Write;

use crate::assess::metrics::{Reliability, RiskCoverage};
use crate::assess::{Coverage, Pit};

const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 428.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 236.0;

/// A frame from (0, 0) to the greatest values, and what is drawn into it.
struct Frame {
    x: (f64, f64),
    y_max: f64,
    svg: String,
}

impl Frame {
    fn new(x: (f64, f64), y_max: f64, names: (&str, &str)) -> Frame {
        // A range of nothing would put everything at infinity.
        let x = if x.1 > x.0 { x } else { (x.0 - 0.5, x.0 + 0.5) };
        let y_max = if y_max > 0.0 { rounded_up(y_max) } else { 1.0 };
        let mut frame =
            Frame { x, y_max, svg: format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">") };
        for i in 0..=4 {
            let part = f64::from(i) / 4.0;
            let (px, py) = frame.at(x.0 + part * (x.1 - x.0), part * y_max);
            frame.line("grid", (LEFT, py), (RIGHT, py));
            frame.text((LEFT - 6.0, py + 4.0), "end", &number(part * y_max, y_max));
            frame.text((px, BOTTOM + 17.0), "middle", &number(x.0 + part * (x.1 - x.0), x.1 - x.0));
        }
        frame.text(((LEFT + RIGHT) / 2.0, HEIGHT - 6.0), "middle", names.0);
        let middle = (TOP + BOTTOM) / 2.0;
        let _ = write!(
            frame.svg,
            "<text text-anchor=\"middle\" transform=\"translate(11 {middle:.1}) rotate(-90)\">{}</text>",
            names.1
        );
        frame
    }

    fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let part = (x - self.x.0) / (self.x.1 - self.x.0);
        (LEFT + part * (RIGHT - LEFT), BOTTOM - y / self.y_max * (BOTTOM - TOP))
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: &str, text: &str) {
        let _ = write!(self.svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
    }

    fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let _ = write!(
            self.svg,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    fn bar(&mut self, class: &str, x: (f64, f64), y: f64) {
        let ((left, top), (right, bottom)) = (self.at(x.0, y), self.at(x.1, 0.0));
        let (width, height) = ((right - left - 1.0).max(0.5), (bottom - top).max(0.0));
        let _ = write!(
            self.svg,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        );
    }

    fn path(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        let points: Vec<String> = points
            .map(|(x, y)| {
                let (x, y) = self.at(x, y);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        let _ = write!(self.svg, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }

    fn done(mut self) -> String {
        self.svg.push_str("</svg>");
        self.svg
    }
}

/// The next number that four equal parts of are easy to read.
fn rounded_up(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let factor = [1.0, 2.0, 4.0, 8.0].into_iter().find(|factor| factor * power >= value * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * power
}

/// As many digits as a range of this size needs.
fn number(value: f64, range: f64) -> String {
    match range.abs() {
        range if range >= 40.0 => format!("{value:.0}"),
        range if range >= 4.0 => format!("{value:.1}"),
        range if range >= 0.04 => format!("{value:.2}"),
        range if range >= 4e-4 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}

pub(super) fn reliability(diagram: &Reliability) -> String {
    let mut frame = Frame::new((0.0, 1.0), 1.0, ("confidence", "share right"));
    let total: usize = diagram.bins.iter().map(|bin| bin.count).sum();
    for bin in diagram.bins.iter().filter(|bin| bin.count > 0) {
        let (low, high) = bin.range;
        frame.bar("bar", bin.range, bin.accuracy);
        let middle = (low + high) / 2.0;
        let half = (high - low) / 5.0;
        frame.bar("share", (middle - half, middle + half), bin.count as f64 / total as f64);
    }
    frame.path("ideal", [(0.0, 0.0), (1.0, 1.0)].into_iter());
    frame.done()
}

pub(super) fn risk_coverage(curve: &RiskCoverage) -> String {
    let worst = curve.risk.iter().copied().fold(0.0, f64::max);
    let mut frame = Frame::new((0.0, 1.0), worst, ("coverage", "mean loss"));
    // A line of 440 pixels shows no more than so many points.
    let step = curve.coverage.len().div_ceil(400).max(1);
    let points = curve.coverage.iter().zip(&curve.risk).map(|(&x, &y)| (x, y));
    let last = points.clone().next_back();
    frame.path("curve", points.step_by(step).chain(last));
    frame.done()
}

/// How many intervals of each level hold their target, with the range of chance.
pub(super) fn coverage(levels: &[Coverage]) -> String {
    let mut frame = Frame::new((0.0, 1.0), 1.0, ("level of the interval", "share held"));
    frame.path("ideal", [(0.0, 0.0), (1.0, 1.0)].into_iter());
    for Coverage { level, by_chance: (low, high), .. } in levels {
        let (from, to) = (frame.at(*level, *low), frame.at(*level, *high));
        frame.line("grid", from, to);
    }
    frame.path("curve", levels.iter().map(|c| (c.level, c.observed)));
    frame.done()
}

/// Parts of 0 to 1 that the transformed targets are counted in.
const PARTS: usize = 10;

/// Where targets lie in their predictive distributions, between the lines where chance leaves them.
pub(super) fn pit(pit: &Pit) -> String {
    let counts = pit.histogram(PARTS);
    let (low, high) = pit.histogram_by_chance(PARTS);
    let top = counts.iter().map(|&count| count as f64).fold(high, f64::max);
    let mut frame = Frame::new((0.0, 1.0), top, ("place in the predictive distribution", "targets"));
    let edge = |bin: usize| bin as f64 / PARTS as f64;
    for (bin, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        frame.bar("bar", (edge(bin), edge(bin + 1)), count as f64);
    }
    for at in [low, high] {
        frame.path("ideal", [(0.0, at), (1.0, at)].into_iter());
    }
    frame.done()
}

const BINS: usize = 30;

pub(super) fn histogram(inside: &[f64], outside: &[f64]) -> String {
    let all = || inside.iter().chain(outside).copied();
    let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
    let width = if high > low { (high - low) / BINS as f64 } else { 1.0 };
    let shares = |values: &[f64]| {
        let mut counts = vec![0usize; BINS];
        for value in values {
            let bin = (((value - low) / width) as usize).min(BINS - 1);
            if let Some(count) = counts.get_mut(bin) {
                *count += 1;
            }
        }
        counts.into_iter().map(|count| count as f64 / values.len().max(1) as f64).collect::<Vec<f64>>()
    };
    let (inside, outside) = (shares(inside), shares(outside));
    let top = inside.iter().chain(&outside).copied().fold(0.0, f64::max);
    let mut frame = Frame::new((low, low + width * BINS as f64), top, ("uncertainty", "share"));
    let edge = |bin: usize| low + width * bin as f64;
    for (bin, &share) in inside.iter().enumerate().filter(|(_, share)| **share > 0.0) {
        frame.bar("bar", (edge(bin), edge(bin + 1)), share);
    }
    let steps =
        outside.iter().enumerate().flat_map(|(bin, &share)| [(edge(bin), share), (edge(bin + 1), share)]);
    frame.path("outside", steps);
    frame.done()
}
