//! The one picture of the README.

use super::Results;
use super::axes::{Axes, SUBTITLE, TITLE, image};
use super::faces;
use super::figure::{Anchor, Figure};
use super::rotation::uncertainty_panel;

pub fn draw(results: &Results) -> Figure {
    let mut figure = Figure::new(1080.0, 420.0);
    figure.text((24.0, 26.0), "How unsure it is as digits are turned", TITLE, Anchor::Left);
    let axes = Axes { left: 76.0, top: 76.0, right: 520.0, bottom: 300.0, x: (0.0, 180.0), y: (0.0, 1.0) };
    let angles: Vec<f64> = (0..=6).map(|i| f64::from(i) * 30.0).collect();
    uncertainty_panel(&mut figure, axes, &results.turns, &results.noise, &angles, 560.0);
    for (turn, pixels) in results.turns.iter().zip(&results.strip).step_by(2) {
        image(&mut figure, (76.0 + turn.angle / 180.0 * 444.0 - 20.0, 356.0), 40.0, pixels);
    }
    let left = 744.0;
    figure.text((left, 26.0), "A sure digit and an unsure one", TITLE, Anchor::Left);
    figure.text((left, 48.0), "lines: the middle 95 % of the draws", SUBTITLE, Anchor::Left);
    for (case, y) in results.most.first().into_iter().chain(results.least.first()).zip([76.0, 252.0]) {
        figure.place(&faces::one(case), (left, y));
    }
    figure
}
