//! Single digits with what the net says of them: class probabilities with 95 % intervals over the draws.

use plotters::style::Color;

use super::Case;
use super::axes::{BAYESIAN, INK, LABEL, MUTED, PALE, SUBTITLE, TICK, TITLE, image};
use super::figure::{Anchor, Figure};

/// One digit's picture.
pub const WIDTH: f64 = 310.0;
pub const HEIGHT: f64 = 150.0;

pub fn draw(most: &[Case], least: &[Case]) -> Figure {
    let mut figure = Figure::new(24.0 + 3.0 * (WIDTH + 12.0), 462.0);
    figure.text((24.0, 26.0), "What the net says, and how sure it is of that", TITLE, Anchor::Left);
    let subtitle =
        "bars: mean probability of each class; lines: the middle 95 % of the draws; black: the true class";
    figure.text((24.0, 48.0), subtitle, SUBTITLE, Anchor::Left);
    for (title, cases, y) in [("most certain", most, 84.0), ("least certain", least, 276.0)] {
        figure.text((24.0, y), title, LABEL.bold(), Anchor::Left);
        for (i, case) in cases.iter().take(3).enumerate() {
            figure.place(&one(case), (24.0 + (WIDTH + 12.0) * i as f64, y + 14.0));
        }
    }
    figure
}

/// The digit, and beside it the bars.
pub fn one(case: &Case) -> Figure {
    let mut figure = Figure::new(WIDTH, HEIGHT);
    let side = 96.0;
    image(&mut figure, (0.0, 8.0), side, &case.pixels);
    let verdict = if case.says() == case.label {
        format!("a {}, read as {}", case.label, case.says())
    } else {
        format!("a {}, misread as {}", case.label, case.says())
    };
    figure.text((0.0, side + 22.0), verdict, TICK.coloured(INK), Anchor::Left);
    figure.text((0.0, side + 38.0), format!("{:.2} nats", case.total), TICK, Anchor::Left);

    let (left, right, top, bottom) = (140.0, WIDTH - 6.0, 8.0, 8.0 + side);
    let height = |p: f64| bottom - p.clamp(0.0, 1.0) * (bottom - top);
    for (p, name) in [(0.0, "0"), (0.5, "50 %"), (1.0, "100 %")] {
        let y = height(p);
        let colour = if p == 0.0 { PALE } else { plotters::style::RGBColor(232, 235, 239) };
        figure.line(&[(left, y), (right, y)], colour, 1.0);
        if p > 0.0 {
            figure.text((left - 5.0, y), name, TICK.coloured(MUTED), Anchor::Right);
        }
    }
    let step = (right - left) / case.mean.len() as f64;
    let intervals = case.low.iter().zip(&case.high);
    for (class, (&mean, (&low, &high))) in case.mean.iter().zip(intervals).enumerate() {
        let middle = left + (class as f64 + 0.5) * step;
        let colour = if class == case.says() { BAYESIAN } else { PALE };
        figure.rectangle((middle - 0.34 * step, height(mean)), (middle + 0.34 * step, bottom), colour);
        if high - low > 0.01 {
            let whisker = INK.mix(0.8);
            figure.line(&[(middle, height(low)), (middle, height(high))], whisker, 1.4);
            for end in [low, high] {
                figure.line(&[(middle - 3.0, height(end)), (middle + 3.0, height(end))], whisker, 1.4);
            }
        }
        let font = if class == case.label { TICK.bold().coloured(INK) } else { TICK };
        figure.text((middle, bottom + 13.0), class, font, Anchor::Middle);
    }
    figure
}
