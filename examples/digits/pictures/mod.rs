//! The demo's pictures.

mod axes;
mod faces;
mod figure;
mod overview;
mod reliability;
mod rotation;
mod training;

use std::path::Path;

use illia::History;
use illia::metrics::Reliability;

use crate::Failure;
use figure::Figure;

/// The two nets' training.
pub struct Curves {
    pub bayesian: History,
    pub twin: Option<History>,
    /// The size of the training set.
    pub examples: usize,
}

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

/// Means over the test digits, turned by an angle.
pub struct Turn {
    pub angle: f64,
    pub accuracy: f64,
    pub twin_accuracy: f64,
    pub epistemic: f64,
    pub total: f64,
    pub twin_total: f64,
}

/// All that the pictures show.
pub struct Results {
    pub curves: Curves,
    /// On the upright test digits: the Bayesian net, its twin.
    pub upright: Vec<Reliability>,
    /// On digits turned by [`TURNED`] degrees.
    pub turned: Vec<Reliability>,
    pub most: Vec<Case>,
    pub least: Vec<Case>,
    pub turns: Vec<Turn>,
    pub noise: Turn,
    /// One digit at the turns' angles.
    pub strip: Vec<Vec<f64>>,
}

/// The angle at which calibration is shown besides 0, in degrees.
pub const TURNED: f64 = 45.0;

impl Results {
    /// Every picture of the demo with its name.
    pub fn figures(&self) -> Vec<(&'static str, Figure)> {
        vec![
            ("training", training::draw(&self.curves)),
            ("reliability", self.reliability()),
            ("digits", faces::draw(&self.most, &self.least)),
            ("rotation", rotation::draw(&self.turns, &self.noise, &self.strip)),
            ("overview", overview::draw(self)),
        ]
    }

    fn reliability(&self) -> Figure {
        let turned = format!("On the same digits, turned by {TURNED}°");
        reliability::draw(&[("On the test digits", &self.upright), (&turned, &self.turned)])
    }
}

/// The pictures of a run on MNIST's like, where there is no twin.
pub fn for_images(
    curves: &Curves,
    calibration: Reliability,
    most: &[Case],
    least: &[Case],
) -> Vec<(&'static str, Figure)> {
    vec![
        ("training", training::draw(curves)),
        ("reliability", reliability::draw(&[("On the test images", &[calibration])])),
        ("images", faces::draw(most, least)),
    ]
}

/// Writes each picture as SVG and PNG and prints the paths.
pub fn save_and_list(folder: &Path, figures: &[(&str, Figure)]) -> Result<(), Failure> {
    println!("\npictures");
    for (name, figure) in figures {
        for path in figure.save(folder, name)? {
            println!("  {}", path.display());
        }
    }
    Ok(())
}
