//! Where a posterior's variables start.

use tch::nn::Init;
use tch::nn::init::{FanInOut, NonLinearity, NormalOrUniform};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::noise::{self, Key};

/// He's normal initialisation for weights; biases start uniform within ±1/sqrt(fan in), PyTorch's
/// custom.
pub(crate) const HE: Init =
    Init::Kaiming { dist: NormalOrUniform::Normal, fan: FanInOut::FanIn, non_linearity: NonLinearity::ReLU };

/// A tensor filled by `init` from keyed noise: tch's rules, the library's numbers.
///
/// `fan_in` is the number of inputs of one output unit; a bias has no fan of its own, so Kaiming's
/// rule gives it U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
pub(crate) fn initial(
    init: Init,
    shape: &[i64],
    fan_in: i64,
    key: Key,
    kind: Kind,
    device: Device,
) -> Tensor {
    let uniform = |low: f64, high: f64| noise::uniforms(key, shape, kind, device) * (high - low) + low;
    let normal = |mean: f64, std: f64| noise::normals(key, shape, kind, device) * std + mean;
    match init {
        Init::Const(value) => Tensor::full(shape, value, (kind, device)),
        Init::Randn { mean, stdev } => normal(mean, stdev),
        Init::Uniform { lo, up } => uniform(lo, up),
        Init::Kaiming { .. } if shape.len() < 2 => {
            let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
            uniform(-bound, bound)
        }
        Init::Kaiming { dist, fan, non_linearity } => {
            let fan = match fan {
                FanInOut::FanIn => fan_in,
                FanInOut::FanOut => fan.for_weight_dims(shape),
            };
            let std = non_linearity.gain() / (fan.max(1) as f64).sqrt();
            match dist {
                NormalOrUniform::Normal => normal(0.0, std),
                NormalOrUniform::Uniform => uniform(-3f64.sqrt() * std, 3f64.sqrt() * std),
            }
        }
        Init::Orthogonal { gain } if shape.len() >= 2 => {
            let rows = shape.first().copied().unwrap_or(1);
            let flat = normal(0.0, 1.0).reshape([rows, -1]);
            let wide = flat.size().last().is_some_and(|&cols| rows < cols);
            let (q, r) = Tensor::linalg_qr(&if wide { flat.tr() } else { flat }, "reduced");
            // Saxe et al. (2014): the sign makes the matrix uniform over the orthogonal group.
            let q = q * r.diag(0).sign();
            (if wide { q.tr() } else { q }).reshape(shape) * gain
        }
        Init::Orthogonal { gain } => normal(0.0, gain),
    }
}

/// Refuses a start that is no finite number.
pub(crate) fn finite(name: &str, init: Init) -> Result<()> {
    let (numbers, std) = match init {
        Init::Const(value) => ([value, 0.0], 0.0),
        Init::Randn { mean, stdev } => ([mean, stdev], stdev),
        Init::Uniform { lo, up } => ([lo, up], 0.0),
        Init::Orthogonal { gain } => ([gain, 0.0], 0.0),
        Init::Kaiming { .. } => ([0.0; 2], 0.0),
    };
    if numbers.iter().all(|number| number.is_finite()) && std >= 0.0 {
        return Ok(());
    }
    Err(Error::configuration(
        name,
        format!("{init:?}"),
        "a start with finite numbers, its spread not below 0",
    ))
}
