//! Single digits with what the net says of them.

use illia::plot::{Colour, Picture, Plot};
use illia::prelude::*;

/// One digit with what the Bayesian net says of it.
pub struct Case {
    pub pixels: Vec<f64>,
    pub label: usize,
    /// For each class the mean probability, and its 95 % interval over the draws.
    pub mean: Vec<f64>,
    pub low: Vec<f64>,
    pub high: Vec<f64>,
    pub epistemic: f64,
    pub total: f64,
}

impl Case {
    /// The most probable class.
    pub fn says(&self) -> usize {
        let best = self.mean.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        best.map_or(0, |(class, _)| class)
    }
}

pub const SUBTITLE: &str = "bars: probability; lines: middle 95 % of the draws";

/// Rows of them.
pub fn cases(most: &[Case], least: &[Case]) -> illia::Result<Picture> {
    let row = |title: &str, cases: &[Case]| -> illia::Result<Picture> {
        Ok(Picture::row(cases.iter().map(case).collect::<illia::Result<Vec<_>>>()?).titled(title, ""))
    };
    let rows = [row("most certain", most)?, row("least certain", least)?];
    Ok(Picture::column(rows).titled("What the net says, and how sure it is of that", SUBTITLE))
}

/// The digit, and beside it the bars: blue what it is read as, orange what it is.
pub fn case(case: &Case) -> illia::Result<Picture> {
    let says = case.says();
    let verdict = if says == case.label { "read as" } else { "misread as" };
    let mut plot = Plot::new("", "").size(240.0, 140.0).y_range(0.0, 1.0);
    plot = plot.x_range(-0.5, case.mean.len() as f64 - 0.5);
    plot = plot.x_ticks(&(0..case.mean.len()).map(|class| class as f64).collect::<Vec<f64>>());
    for (class, &mean) in case.mean.iter().enumerate() {
        let colour = match class {
            class if class == says => Colour::First,
            class if class == case.label => Colour::Second,
            _ => Colour::Muted,
        };
        let at = Tensor::from_slice(&[class as f64]);
        plot = plot.bars(colour, &at, 0.8, &Tensor::from_slice(&[mean]))?;
        let ends = Tensor::from_slice(&[case.low[class], case.high[class]]);
        plot = plot.line(Colour::Ink, &Tensor::cat(&[&at, &at], 0), &ends)?;
    }
    let text = format!("a {}, {verdict} {says}\n{:.2} nats", case.label, case.total);
    Ok(Picture::row([image(&case.pixels, 96.0)?.titled("", &text), plot.picture()]))
}

/// A square of values from 0 to 1, dark on light.
pub fn image(pixels: &[f64], width: f64) -> illia::Result<Picture> {
    let side = (pixels.len() as f64).sqrt().round() as i64;
    Picture::image(&(1.0 - Tensor::from_slice(pixels).reshape([side, side])), width)
}
