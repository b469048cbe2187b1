//! The pictures of `docs/watching.md`, and of `docs/posteriors.md`: what a prior says before any data, what each way to a posterior makes of the same data,
//! what a cold posterior costs, and where doubt comes from.
//!
//! ```text
//! cargo run --release --example posteriors -- --out docs/pictures
//! ```

mod curve;
#[path = "../common/flags.rs"]
mod flags;
mod methods;
mod watched;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use curve::{Curve, NOISE, RIGHT, data, intervals, line, small, truth};
use flags::{Failure, Flags};
use illia::likelihood::{Gaussian, HeteroscedasticGaussian};
use illia::plot::Colour;
use illia::prelude::*;
use illia::{inverse_softplus, metrics};
use methods::{Data, METHODS};
use tch::nn::Init;

const LEVEL: f64 = 0.9;

const HELP: &str = "\
Draws the pictures of docs/watching.md and docs/posteriors.md.

usage: posteriors [OPTIONS]

  --out DIR  the pictures' folder (default: out/posteriors)
  --help     this text
";

bnn! {
    /// A net whose weights are as the prior has them.
    struct Untrained(hidden: Posterior, head: Posterior): [1] -> [1] {
        hidden: Linear(50, posterior: hidden) -> tanh,
        head: Linear(1, bias: false, posterior: head),
    }
}

fn main() -> ExitCode {
    flags::end(run())
}

fn run() -> Result<(), Failure> {
    let mut folder = PathBuf::from("out/posteriors");
    let mut flags = Flags::new(HELP);
    while let Some(flag) = flags.next()? {
        match flag.as_str() {
            "--out" => folder = flags.path()?,
            _ => return Err(flags.unknown()),
        }
    }
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    // Fifty units leave a second thread nothing but waiting.
    tch::set_num_threads(1);
    watched::pictures(&folder)?;
    priors(&folder)?;
    posteriors(&folder)?;
    parts(&folder)?;
    Ok(())
}

/// Ten functions before any data, for three scales of the prior.
fn priors(folder: &Path) -> illia::Result<()> {
    for scale in [0.5, 2.0, 8.0] {
        illia::manual_seed(3);
        let vs = nn::VarStore::new(Device::Cpu);
        let normal =
            |std: f64| Posterior::Gaussian { mu: Init::Const(0.0), rho: Init::Const(inverse_softplus(std)) };
        let net = Untrained::try_new(&vs.root(), normal(scale), normal(scale / 50f64.sqrt()))?;
        let at = line((-1.0, 1.0), 101);
        let functions = Predict::new().draws(10).run(&net, &at)?;
        let mut plot = small((-1.0, 1.0), (-8.0, 8.0));
        for draw in functions.outputs().unbind(0) {
            plot = plot.thin_line(Colour::First, &at, &draw)?;
        }
        let picture = plot.picture().titled(&format!("prior of scale {scale}"), "");
        picture.write(folder.join(format!("prior-{scale}.svg")))?;
    }
    Ok(())
}

/// The same data by all methods, and under three weights of the KL.
fn posteriors(folder: &Path) -> illia::Result<()> {
    let (x, y) = data(|x| x.ones_like() * NOISE);
    println!(
        "half of the 90 % interval of the function, mean of |x| in  0.3..1 (data)  0..0.3 (gap)  1..2 (beyond)"
    );
    let at = line((-2.0, 2.0), 161);
    let panel = |name: &str, title: &str, prediction: &Prediction| -> illia::Result<()> {
        let function = prediction.interval(LEVEL)?;
        let observations = Gaussian::fixed(NOISE)?.interval(prediction.outputs(), LEVEL)?;
        let (low, high) = &function;
        let half = (high - low) / 2.0;
        let mean = |from: f64, to: f64| {
            let inside = at.abs().ge(from).logical_and(&at.abs().le(to));
            half.masked_select(&inside).mean(Kind::Double).double_value(&[])
        };
        println!("{title:<57}  {:14.2}  {:11.2}  {:13.2}", mean(0.3, 1.0), mean(0.0, 0.3), mean(1.0, 2.0));
        let picture = intervals(&at, &observations, &function, &prediction.mean(), (&x, &y))?;
        picture.titled(title, "").write(folder.join(name))
    };

    let data = Data { x: &x, y: &y, at: &at };
    for (name, title, method) in METHODS {
        panel(&format!("posterior-{name}.svg"), title, &method(&data)?)?;
    }
    for weight in [1.0, 0.1, 0.01] {
        let prediction = methods::fit(methods::mean_field(), weight, &data)?;
        panel(&format!("cold-{weight}.svg"), &format!("KL weight {weight}"), &prediction)?;
    }
    Ok(())
}

/// A net that predicts its noise too: how much of its doubt is the data's, and how much its own.
fn parts(folder: &Path) -> illia::Result<()> {
    let (x, y) = data(|x| x * 0.15 + 0.2);
    illia::manual_seed(1);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Curve::try_new(&vs.root(), 2, Posterior::Automatic)?;
    Fit::new(HeteroscedasticGaussian).progress(false).run(&net, &vs, &x, &y)?;

    let at = line((-1.5, 1.5), 121);
    let prediction = Predict::new().draws(400).run(&net, &at)?;
    let observations = HeteroscedasticGaussian.interval(prediction.outputs(), LEVEL)?;
    let function = Prediction::from_outputs(prediction.outputs().narrow(-1, 0, 1))?;
    let picture = intervals(&at, &observations, &function.interval(LEVEL)?, &function.mean(), (&x, &y))?;
    picture.titled("90 % intervals", "").write(folder.join("parts-interval.svg"))?;

    let parts = prediction.uncertainty(&HeteroscedasticGaussian);
    let plot = small((-1.5, 1.5), (0.0, 1.0))
        .line(Colour::Muted, &at, &parts.total.sqrt())?
        .line(Colour::First, &at, &parts.epistemic.sqrt())?
        .dashed_line(Colour::Second, &at, &parts.aleatoric.sqrt())?;
    plot.picture().titled("standard deviation, by part", "").write(folder.join("parts.svg"))?;

    let new = line(RIGHT, 2000);
    let observed = truth(&new) + Tensor::randn_like(&new) * (&new * 0.15 + 0.2);
    let outputs = Predict::new().draws(400).run(&net, &new)?;
    let (low, high) = HeteroscedasticGaussian.interval(outputs.outputs(), LEVEL)?;
    let coverage = metrics::interval_coverage(&low, &high, &observed)?;
    println!("predicted noise: the 90 % intervals hold {:.1} % of new observations", 100.0 * coverage);
    Ok(())
}
