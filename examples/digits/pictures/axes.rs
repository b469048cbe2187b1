//! What the pictures share: colours, text sizes, and a frame with axes.

use plotters::style::RGBColor;

use super::figure::{Anchor, Figure, Font};

/// The Bayesian net, everywhere.
pub const BAYESIAN: RGBColor = RGBColor(31, 95, 168);
/// Its deterministic twin, everywhere.
pub const TWIN: RGBColor = RGBColor(214, 112, 32);
/// What is right: true classes, perfect calibration.
pub const INK: RGBColor = RGBColor(34, 38, 46);
pub const MUTED: RGBColor = RGBColor(110, 118, 130);
pub const PALE: RGBColor = RGBColor(198, 205, 214);
const GRID: RGBColor = RGBColor(232, 235, 239);

pub const TITLE: Font = Font { size: 17.0, bold: true, colour: INK };
pub const SUBTITLE: Font = Font { size: 13.0, bold: false, colour: MUTED };
pub const LABEL: Font = Font { size: 13.0, bold: false, colour: INK };
pub const TICK: Font = Font { size: 12.0, bold: false, colour: MUTED };

impl Font {
    pub const fn bold(self) -> Self {
        Font { bold: true, ..self }
    }

    pub const fn coloured(self, colour: RGBColor) -> Self {
        Font { colour, ..self }
    }
}

/// A frame in pixels and the values at its ends.
#[derive(Debug, Clone)]
pub struct Axes {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
    pub x: (f64, f64),
    pub y: (f64, f64),
}

impl Axes {
    /// The pixel of a value.
    pub fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
        let (px, py) = (part(x, self.x), part(y, self.y));
        (self.left + px * (self.right - self.left), self.bottom - py * (self.bottom - self.top))
    }

    /// Grid lines at the ticks of y, ticks at those of x, their labels and the axes' names.
    pub fn draw(&self, figure: &mut Figure, x_ticks: &[f64], y_ticks: &[f64], names: (&str, &str)) {
        for &y in y_ticks {
            let (_, py) = self.at(self.x.0, y);
            figure.line(&[(self.left, py), (self.right, py)], GRID, 1.0);
            figure.text((self.left - 8.0, py), number(y, y_ticks), TICK, Anchor::Right);
        }
        figure.line(&[(self.left, self.bottom), (self.right, self.bottom)], PALE, 1.0);
        for &x in x_ticks {
            let (px, _) = self.at(x, self.y.0);
            figure.line(&[(px, self.bottom), (px, self.bottom + 4.0)], PALE, 1.0);
            figure.text((px, self.bottom + 15.0), number(x, x_ticks), TICK, Anchor::Middle);
        }
        let (x_name, y_name) = names;
        figure.text(((self.left + self.right) / 2.0, self.bottom + 35.0), x_name, LABEL, Anchor::Middle);
        figure.upright_text((self.left - 46.0, (self.top + self.bottom) / 2.0), y_name, LABEL);
    }

    pub fn line(&self, figure: &mut Figure, values: &[(f64, f64)], colour: RGBColor, width: f64) {
        let points: Vec<_> = values.iter().map(|&(x, y)| self.at(x, y)).collect();
        figure.line(&points, colour, width);
    }
}

/// As many decimals as the ticks' distance needs.
fn number(value: f64, ticks: &[f64]) -> String {
    let step = ticks.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(f64::INFINITY, f64::min);
    let decimals =
        (0..4).find(|&d| (step * 10f64.powi(d) - (step * 10f64.powi(d)).round()).abs() < 1e-6).unwrap_or(4);
    if value.abs() >= 10_000.0 {
        return format!("{:.0}k", value / 1000.0);
    }
    format!("{value:.*}", decimals as usize)
}

/// Round ticks from 0 to at least `most`, about `count` of them.
pub fn ticks(most: f64, count: usize) -> Vec<f64> {
    let rough = (most / count as f64).max(f64::MIN_POSITIVE);
    let magnitude = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * magnitude).into_iter().find(|&s| s >= rough * 0.999);
    let step = step.unwrap_or(rough);
    let last = (most / step - 1e-9).ceil() as usize;
    (0..=last).map(|i| i as f64 * step).collect()
}

/// A short stroke in the colour and its name, from the left end.
pub fn key(figure: &mut Figure, at: (f64, f64), colour: RGBColor, name: &str) {
    figure.line(&[at, (at.0 + 20.0, at.1)], colour, 3.0);
    figure.text((at.0 + 27.0, at.1), name, LABEL, Anchor::Left);
}

/// An image of values from 0 to 1, dark on light, in a square of the given side.
pub fn image(figure: &mut Figure, at: (f64, f64), side: f64, pixels: &[f64]) {
    let n = (pixels.len() as f64).sqrt().round().max(1.0) as usize;
    let cell = side / n as f64;
    figure.rectangle(at, (at.0 + side, at.1 + side), RGBColor(244, 246, 248));
    for (i, &value) in pixels.iter().enumerate() {
        if value > 0.02 {
            let (x, y) = (at.0 + (i % n) as f64 * cell, at.1 + (i / n) as f64 * cell);
            let shade = |paper: f64, ink: f64| (paper + (ink - paper) * value.min(1.0)) as u8;
            let colour = RGBColor(shade(244.0, 28.0), shade(246.0, 32.0), shade(248.0, 42.0));
            figure.rectangle((x, y), (x + cell, y + cell), colour);
        }
    }
}
