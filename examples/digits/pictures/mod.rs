//! The demo's pictures.

mod cases;

use std::path::Path;

use illia::History;
use illia::metrics::Reliability;
use illia::plot::{Colour, Picture, Plot};
use illia::prelude::*;

use crate::Failure;
pub use cases::Case;
use cases::{SUBTITLE, case, cases, image};

/// The two nets' training.
pub struct Curves {
    pub bayesian: History,
    pub twin: Option<History>,
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
    /// The Bayesian net itself.
    pub net: Picture,
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
    pub fn pictures(&self) -> illia::Result<Vec<(&'static str, Picture)>> {
        let turned = format!("turned by {TURNED}°");
        let calibration = [
            reliability("on the test digits", &self.upright),
            reliability(&format!("on the same digits, {turned}"), &self.turned),
        ];
        Ok(vec![
            ("net", self.net.clone()),
            ("training", training(&self.curves)),
            ("reliability", Picture::column(calibration)),
            ("digits", cases(&self.most, &self.least)?),
            ("rotation", Picture::column([self.accuracy()?, self.uncertainty()?])),
            ("overview", self.overview()?),
        ])
    }

    fn over_angles(&self, value: fn(&Turn) -> f64) -> (Tensor, Tensor) {
        let of =
            |value: fn(&Turn) -> f64| Tensor::from_slice(&self.turns.iter().map(value).collect::<Vec<f64>>());
        (of(|turn| turn.angle), of(value))
    }

    fn accuracy(&self) -> illia::Result<Picture> {
        let (angles, ours) = self.over_angles(|turn| turn.accuracy);
        let (_, twins) = self.over_angles(|turn| turn.twin_accuracy);
        let plot = turning("accuracy")
            .y_range(0.0, 1.0)
            .line(Colour::Second, &angles, &twins)?
            .named("deterministic");
        let picture = plot.line(Colour::First, &angles, &ours)?.named("Bayesian").picture();
        Ok(picture
            .titled("How often it is right", "means over the test digits, all turned by the same angle"))
    }

    /// Total and epistemic uncertainty against the angle, those of noise as levels, and a digit that turns.
    fn uncertainty(&self) -> illia::Result<Picture> {
        let (angles, total) = self.over_angles(|turn| turn.total);
        let (_, epistemic) = self.over_angles(|turn| turn.epistemic);
        let (_, twins) = self.over_angles(|turn| turn.twin_total);
        let ends = Tensor::from_slice(&[0.0, 180.0]);
        let level = |value: f64| Tensor::from_slice(&[value, value]);
        let plot = turning("uncertainty, nats")
            .band(Colour::First, &angles, &epistemic.zeros_like(), &epistemic)?
            .named("epistemic")
            .line(Colour::First, &angles, &total)?
            .named("total")
            .dashed_line(Colour::First, &ends, &level(self.noise.total))?
            .named("of noise")
            .line(Colour::Second, &angles, &twins)?
            .named("deterministic")
            .dashed_line(Colour::Second, &ends, &level(self.noise.twin_total))?
            .named("of noise");
        let steps = self.turns.iter().zip(&self.strip).step_by(2);
        let strip =
            steps.map(|(turn, pixels)| Ok(image(pixels, 56.0)?.titled("", &format!("{}°", turn.angle))));
        let strip = Picture::row(strip.collect::<illia::Result<Vec<_>>>()?);
        let title = "How unsure it is as digits are turned";
        Ok(Picture::column([plot.picture().titled(title, "means over the test digits"), strip]))
    }

    /// The one picture of the README.
    fn overview(&self) -> illia::Result<Picture> {
        let extremes = self.most.first().into_iter().chain(self.least.first());
        let faces = Picture::column(extremes.map(case).collect::<illia::Result<Vec<_>>>()?);
        let faces = faces.titled("A sure digit and an unsure one", SUBTITLE);
        Ok(Picture::row([self.uncertainty()?, faces]))
    }
}

fn turning(y: &str) -> Plot {
    let angles: Vec<f64> = (0..=6).map(|i| f64::from(i) * 30.0).collect();
    Plot::new("angle, degrees", y).size(540.0, 250.0).x_ticks(&angles)
}

fn training(curves: &Curves) -> Picture {
    let ours = curves.bayesian.plot().titled("Bayesian", "");
    let twin = curves.twin.as_ref().map(|history| history.plot().titled("deterministic", ""));
    Picture::column([ours].into_iter().chain(twin))
}

/// A diagram for each net.
fn reliability(of: &str, nets: &[Reliability]) -> Picture {
    Picture::row(nets.iter().zip(["Bayesian", "deterministic"]).map(|(diagram, net)| {
        diagram
            .plot()
            .titled(&format!("{net}, {of}"), &format!("expected calibration error {:.3}", diagram.ece()))
    }))
}

/// The pictures of a run on MNIST's like, where there is no twin.
pub fn for_images(
    curves: &Curves,
    calibration: Reliability,
    most: &[Case],
    least: &[Case],
) -> illia::Result<Vec<(&'static str, Picture)>> {
    Ok(vec![
        ("training", training(curves)),
        ("reliability", reliability("on the test images", &[calibration])),
        ("images", cases(most, least)?),
    ])
}

/// Writes each picture and prints its path.
pub fn save_and_list(folder: &Path, pictures: &[(&str, Picture)]) -> Result<(), Failure> {
    println!("\npictures");
    for (name, picture) in pictures {
        let path = folder.join(format!("{name}.svg"));
        picture.write(&path)?;
        println!("  {}", path.display());
    }
    Ok(())
}
