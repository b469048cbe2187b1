//! Curves over one input, and a function of ten.

use illia::likelihood::{Gaussian, HeteroscedasticGaussian};
use illia::prelude::*;

use crate::nets::with_net;
use crate::setting::{Numbers, Setting, coverage};

const F: (Kind, Device) = (Kind::Float, Device::Cpu);
const LEVEL: f64 = 0.9;
const DRAWS: usize = 200;

/// Data, and what is known of what made them. Inputs are `[points, columns]`, all else `[points, 1]`.
struct Curve {
    x: Tensor,
    y: Tensor,
    /// New inputs like the data's, the function there, and new observations.
    at: Tensor,
    truth: Tensor,
    observed: Tensor,
    /// Inputs in the middle of a gap.
    gap: Option<Tensor>,
}

impl Curve {
    /// `inputs` draws so many of them; `noise` is the noise's standard deviation at an input.
    fn new(
        rows: i64,
        inputs: impl Fn(i64) -> Tensor,
        f: impl Fn(&Tensor) -> Tensor,
        noise: impl Fn(&Tensor) -> Tensor,
    ) -> Curve {
        let (x, at) = (inputs(rows), inputs(2000));
        let observe = |x: &Tensor| {
            let truth = f(x);
            &truth + truth.randn_like() * noise(x)
        };
        Curve { y: observe(&x), truth: f(&at), observed: observe(&at), gap: None, x, at }
    }

    fn judge<N: BayesianModule + ModuleT>(
        &self,
        net: &N,
        likelihood: &dyn Likelihood,
        seconds: f64,
    ) -> illia::Result<Numbers> {
        let predict = |x: &Tensor| Predict::new().draws(DRAWS).run(net, x);
        let prediction = predict(&self.at)?;
        let outputs = prediction.outputs();
        // Heteroscedastic nets give noise beside the mean.
        let function = Prediction::from_outputs(outputs.narrow(-1, 0, 1))?;
        let nll = prediction.log_predictive(likelihood, &self.observed)?;
        let mut numbers = vec![
            ("rmse", illia::metrics::rmse(&prediction.predictive_mean(likelihood), &self.truth)?),
            ("coverage", coverage(&likelihood.interval(outputs, LEVEL)?, &self.observed)?),
            ("coverage_of_truth", coverage(&function.interval(LEVEL)?, &self.truth)?),
            ("nll", -nll.mean(Kind::Double).double_value(&[])),
            ("seconds", seconds),
        ];
        let check = illia::Calibration::of(&prediction, likelihood, &self.observed)?;
        let check = match &self.gap {
            Some(gap) => check.against(&predict(gap)?, likelihood)?,
            None => check,
        };
        eprint!("{check}");
        if let Some(gap) = &self.gap {
            let spread = |p: Prediction| p.std().narrow(-1, 0, 1).mean(Kind::Double).double_value(&[]);
            numbers.push(("gap_over_data", spread(predict(gap)?) / spread(predict(&self.x)?)));
        }
        Ok(numbers)
    }
}

fn uniform(rows: i64) -> Tensor {
    Tensor::rand([rows, 1], F) * 2.0 - 1.0
}

/// The README's net and likelihood, on observations that have the noise which the likelihood says.
pub fn readme(setting: Setting) -> illia::Result<Numbers> {
    let curve = Curve::new(200, uniform, |x| (x * 3.0).sin(), |x| x.full_like(0.1));
    let vs = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::fixed(0.1)?;
    with_net!(setting, vs, Shallow | ShallowOf(1, 64, 1), net => {
        let seconds = setting.train(&net, &vs, &noise, &curve.x, &curve.y)?;
        curve.judge(&net, &noise, seconds)
    })
}

fn smooth_curve() -> Curve {
    Curve::new(250, uniform, |x| (x * 3.0).sin() + x * 0.3, |x| x.full_like(0.2))
}

/// Two tanh layers of 50 and noise that is learned.
pub fn smooth(setting: Setting) -> illia::Result<Numbers> {
    let curve = smooth_curve();
    let vs = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::learned(vs.root(), 0.5)?;
    with_net!(setting, vs, Smooth | SmoothOf(50), net => {
        let seconds = setting.train(&net, &vs, &noise, &curve.x, &curve.y)?;
        curve.judge(&net, &noise, seconds)
    })
}

/// The same curve and `layers` hidden layers of `width` ReLU units: deep and narrow, or shallow and wide.
pub fn shaped(setting: Setting, layers: usize, width: i64) -> illia::Result<Numbers> {
    let curve = smooth_curve();
    let vs = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::learned(vs.root(), 0.5)?;
    match layers {
        1 => with_net!(setting, vs, Shallow | ShallowOf(1, width, 1), net => {
            let seconds = setting.train(&net, &vs, &noise, &curve.x, &curve.y)?;
            curve.judge(&net, &noise, seconds)
        }),
        _ => with_net!(setting, vs, Deep | DeepOf(1, width, layers - 1, 1), net => {
            let seconds = setting.train(&net, &vs, &noise, &curve.x, &curve.y)?;
            curve.judge(&net, &noise, seconds)
        }),
    }
}

fn ten_columns(rows: i64) -> Tensor {
    (Tensor::rand([rows, 10], F) - 0.5) * 12f64.sqrt()
}

/// Friedman's function (1991) of five columns among ten, standardised.
fn of_friedman(x: &Tensor) -> Tensor {
    let c = |column| x.select(1, column) / 12f64.sqrt() + 0.5;
    let product = (c(0) * c(1) * std::f64::consts::PI).sin() * 10.0;
    ((product + (c(2) - 0.5).square() * 20.0 + c(3) * 10.0 + c(4) * 5.0 - 14.4) / 4.9).unsqueeze(1)
}

/// Friedman's function with noise of 0.2, and two layers of 64 ReLU units, whose 4,929 weights could follow every target.
pub fn friedman(setting: Setting, rows: i64) -> illia::Result<Numbers> {
    let curve = Curve::new(rows, ten_columns, of_friedman, |_| Tensor::from(0.2f32));
    let vs = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::learned(vs.root(), 0.5)?;
    with_net!(setting, vs, Deep | DeepOf(10, 64, 1, 1), net => {
        let seconds = setting.train(&net, &vs, &noise, &curve.x, &curve.y)?;
        curve.judge(&net, &noise, seconds)
    })
}

/// The same with noise that grows with the first column, and a net that gives it beside the mean.
pub fn friedman_heteroscedastic(setting: Setting, rows: i64) -> illia::Result<Numbers> {
    let noise = |x: &Tensor| (x.narrow(1, 0, 1) * 0.5).exp() * 0.2;
    let curve = Curve::new(rows, ten_columns, of_friedman, noise);
    let vs = nn::VarStore::new(Device::Cpu);
    let likelihood = HeteroscedasticGaussian;
    with_net!(setting, vs, Deep | DeepOf(10, 64, 1, 2), net => {
        let seconds = setting.train(&net, &vs, likelihood, &curve.x, &curve.y)?;
        curve.judge(&net, &likelihood, seconds)
    })
}

/// Noise that grows with |x|, and no data where |x| < 0.2.
pub fn heteroscedastic(setting: Setting, layers: usize, width: i64) -> illia::Result<Numbers> {
    let inputs = |rows| {
        let x = uniform(rows);
        x.where_self(&x.abs().gt(0.2), &(&x + x.sign() * 0.3))
    };
    let noise = |x: &Tensor| x.abs() * 0.2 + 0.05;
    let mut curve = Curve::new(400, inputs, |x| (x * 4.0).sin(), noise);
    curve.gap = Some(Tensor::linspace(-0.1, 0.1, 50, F).unsqueeze(1));
    let vs = nn::VarStore::new(Device::Cpu);
    let likelihood = HeteroscedasticGaussian;
    match layers {
        1 => with_net!(setting, vs, Shallow | ShallowOf(1, width, 2), net => {
            let seconds = setting.train(&net, &vs, likelihood, &curve.x, &curve.y)?;
            curve.judge(&net, &likelihood, seconds)
        }),
        _ => with_net!(setting, vs, Deep | DeepOf(1, width, layers - 1, 2), net => {
            let seconds = setting.train(&net, &vs, likelihood, &curve.x, &curve.y)?;
            curve.judge(&net, &likelihood, seconds)
        }),
    }
}
