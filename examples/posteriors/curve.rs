//! The curve of all pictures: the data, the net for them, and a panel with both.

use illia::Result;
use illia::plot::{Colour, Picture, Plot};
use illia::prelude::*;
use tch::nn::Init;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);
/// The standard deviation of the observations, known to the nets.
pub const NOISE: f64 = 0.15;
/// Where there are data.
const LEFT: (f64, f64) = (-1.0, -0.3);
pub const RIGHT: (f64, f64) = (0.3, 1.0);

bnn! {
    /// One number in; the function's value out, or that and the noise's scale.
    pub struct Curve(outputs: i64, posterior: Posterior): [1] -> [outputs] {
        posterior: posterior;

        hidden: Linear(50) -> tanh,
        head: Linear(outputs),
    }
}

/// He's rule, as layers start without a word.
pub fn kaiming() -> Init {
    match Posterior::fan_in() {
        Posterior::Gaussian { mu, .. } => mu,
        _ => Init::Const(0.0),
    }
}

pub fn truth(x: &Tensor) -> Tensor {
    (x * 4.0).sin()
}

/// Eighty observations on both sides of a gap.
pub fn data(noise: impl Fn(&Tensor) -> Tensor) -> (Tensor, Tensor) {
    illia::manual_seed(1);
    let x = Tensor::cat(&[line(LEFT, 40), line(RIGHT, 40)], 0);
    let normals =
        illia::noise::normals(illia::noise::Stream::new().next_key(), &[80, 1], Kind::Float, Device::Cpu);
    let y = truth(&x) + normals * noise(&x);
    (x, y)
}

/// `[n, 1]`, evenly spaced.
pub fn line((from, to): (f64, f64), n: i64) -> Tensor {
    Tensor::linspace(from, to, n, FLOAT).unsqueeze(1)
}

/// Three beside each other fit a page.
pub fn small((left, right): (f64, f64), (low, high): (f64, f64)) -> Plot {
    Plot::new("", "").size(230.0, 170.0).x_range(left, right).y_range(low, high)
}

/// The intervals of observations and, darker, of the function; its mean, in dashes the true one, and the data.
pub fn intervals(
    at: &Tensor,
    (outer_low, outer_high): &(Tensor, Tensor),
    (low, high): &(Tensor, Tensor),
    mean: &Tensor,
    (x, y): (&Tensor, &Tensor),
) -> Result<Picture> {
    let ends = (at.min().double_value(&[]), at.max().double_value(&[]));
    let plot = small(ends, (-3.0, 3.0))
        .band(Colour::First, at, outer_low, outer_high)?
        .band(Colour::First, at, low, high)?
        .dashed_line(Colour::Second, at, &truth(at))?
        .line(Colour::First, at, mean)?
        .points(Colour::Ink, x, y)?;
    Ok(plot.picture())
}
