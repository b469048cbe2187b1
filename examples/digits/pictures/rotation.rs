//! What happens as digits are turned away from what was learnt.

use plotters::style::Color;

use super::Turn;
use super::axes::{Axes, BAYESIAN, INK, LABEL, MUTED, SUBTITLE, TICK, TITLE, TWIN, image, key, ticks};
use super::figure::{Anchor, Figure};

pub fn draw(turns: &[Turn], noise: &Turn, strip: &[Vec<f64>]) -> Figure {
    let mut figure = Figure::new(960.0, 650.0);
    figure.text((24.0, 26.0), "Turned away from what it learnt", TITLE, Anchor::Left);
    let subtitle = "means over the test digits, all turned by the same angle";
    figure.text((24.0, 48.0), subtitle, SUBTITLE, Anchor::Left);

    let angles: Vec<f64> = (0..=6).map(|i| f64::from(i) * 30.0).collect();
    let x = (0.0, 180.0);
    let accuracy = Axes { left: 84.0, top: 84.0, right: 760.0, bottom: 234.0, x, y: (0.0, 1.0) };
    accuracy.draw(&mut figure, &[], &[0.0, 0.25, 0.5, 0.75, 1.0], ("", "accuracy"));
    let curve = |value: fn(&Turn) -> f64| -> Vec<(f64, f64)> {
        turns.iter().map(|turn| (turn.angle, value(turn))).collect()
    };
    accuracy.line(&mut figure, &curve(|t| t.twin_accuracy), TWIN, 2.2);
    accuracy.line(&mut figure, &curve(|t| t.accuracy), BAYESIAN, 2.2);

    let uncertainty = Axes { left: 84.0, top: 290.0, right: 760.0, bottom: 530.0, x, y: (0.0, 1.0) };
    uncertainty_panel(&mut figure, uncertainty, turns, noise, &angles, 800.0);
    let side = 44.0;
    for (turn, pixels) in turns.iter().zip(strip) {
        let x = 84.0 + turn.angle / 180.0 * 676.0 - side / 2.0;
        image(&mut figure, (x, 586.0), side, pixels);
    }
    figure
}

/// Total and epistemic uncertainty against the angle, and beside it those of noise.
pub fn uncertainty_panel(
    figure: &mut Figure,
    mut axes: Axes,
    turns: &[Turn],
    noise: &Turn,
    angles: &[f64],
    noise_at: f64,
) {
    let most = turns.iter().chain([noise]).map(|t| t.total.max(t.twin_total)).fold(0.0, f64::max);
    let levels = ticks(most, 4);
    axes.y = (0.0, levels.last().copied().unwrap_or(1.0));
    axes.draw(figure, angles, &levels, ("angle, degrees", "uncertainty, nats"));

    let band: Vec<(f64, f64)> = turns.iter().map(|t| axes.at(t.angle, t.epistemic)).collect();
    let mut area = band.clone();
    area.push(axes.at(axes.x.1, 0.0));
    area.push(axes.at(axes.x.0, 0.0));
    figure.area(&area, BAYESIAN.mix(0.18));
    let curve = |value: fn(&Turn) -> f64| -> Vec<(f64, f64)> {
        turns.iter().map(|turn| (turn.angle, value(turn))).collect()
    };
    axes.line(figure, &curve(|t| t.twin_total), TWIN, 2.2);
    axes.line(figure, &curve(|t| t.epistemic), BAYESIAN, 1.4);
    axes.line(figure, &curve(|t| t.total), BAYESIAN, 2.4);
    let y = axes.top - 20.0;
    key(figure, (axes.left, y), BAYESIAN, "Bayesian: total");
    figure.rectangle((axes.left + 142.0, y - 6.0), (axes.left + 162.0, y + 6.0), BAYESIAN.mix(0.25));
    figure.text((axes.left + 169.0, y), "Bayesian: epistemic", LABEL, Anchor::Left);
    key(figure, (axes.left + 312.0, y), TWIN, "deterministic: total");

    // Noise has no angle: three bars of its own.
    let (_, base) = axes.at(0.0, 0.0);
    for (i, (value, colour)) in [
        (noise.total, BAYESIAN.to_rgba()),
        (noise.epistemic, BAYESIAN.mix(0.3)),
        (noise.twin_total, TWIN.to_rgba()),
    ]
    .into_iter()
    .enumerate()
    {
        let left = noise_at + 38.0 * i as f64;
        let (_, top) = axes.at(0.0, value);
        figure.rectangle((left, top), (left + 30.0, base), colour);
        figure.text((left + 15.0, top - 10.0), format!("{value:.2}"), TICK.coloured(INK), Anchor::Middle);
    }
    figure.text((noise_at + 53.0, base + 15.0), "pure noise", TICK.coloured(MUTED), Anchor::Middle);
}
