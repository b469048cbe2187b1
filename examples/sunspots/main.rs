//! Forecasts of the yearly number of sunspots, one year ahead, with 90 % intervals: an LSTM with a posterior over its
//! weights, trained on the years to 1940 and checked on those since.
//!
//! ```text
//! cargo run --release --example sunspots -- --picture sunspots.svg
//! ```

#[path = "../common/flags.rs"]
mod flags;

use std::path::PathBuf;
use std::process::ExitCode;

use flags::{Failure, Flags};
use illia::data::Csv;
use illia::likelihood::{Gaussian, Likelihood};
use illia::plot::{Colour, Picture, Plot};
use illia::prelude::*;
use illia::{Fit, KlSchedule, Predict, RateSchedule, Result, metrics};

const HELP: &str = "\
Forecasts the yearly number of sunspots with 90 % intervals.

usage: sunspots [OPTIONS]

  --seed N        start of every random number (default: 1)
  --picture FILE  the intervals and what came, as an SVG
  --help          this text
";

/// Years that a forecast looks back on: two cycles of eleven.
const WINDOW: usize = 22;
/// The first year that is not trained on.
const HELD_OUT: i64 = 1941;
const HIDDEN: i64 = 16;
const LEVEL: f64 = 0.9;

bnn! {
    /// The states of an LSTM over the window; the last one becomes the forecast.
    struct Forecast: [years, 1] -> [1] {
        prior: LearnedGaussian(std: 0.3);
        posterior: (spread());
        estimator: LocalReparameterization;

        memory: Lstm(HIDDEN) -> last,
        output: Linear(1),
    }
}

/// Means as [`Posterior::fan_in`] has them, wider.
fn spread() -> Posterior {
    match Posterior::fan_in() {
        Posterior::Gaussian { mu, .. } => Posterior::Gaussian { mu, rho: nn::Init::Const(-4.0) },
        other => other,
    }
}

/// The held-out years, what was forecast for each the year before, and what came.
struct Forecasts {
    years: Vec<i64>,
    low: Tensor,
    middle: Tensor,
    high: Tensor,
    came: Tensor,
}

fn main() -> ExitCode {
    flags::end(run())
}

fn run() -> Result<(), Failure> {
    let (mut seed, mut picture) = (1, None::<PathBuf>);
    let mut flags = Flags::new(HELP);
    while let Some(flag) = flags.next()? {
        match flag.as_str() {
            "--seed" => seed = flags.number(0..)?,
            "--picture" => picture = Some(flags.path()?),
            _ => return Err(flags.unknown()),
        }
    }
    illia::manual_seed(seed);
    // Sixteen units leave a second thread nothing but waiting.
    tch::set_num_threads(1);
    let table = Csv::new().header(true).parse("sunspots.csv", include_bytes!("sunspots.csv"))?;
    let rows: Vec<(i64, f64)> =
        table.values.chunks(2).filter_map(|row| Some((*row.first()? as i64, *row.get(1)?))).collect();
    let forecasts = forecast(&rows)?;
    let coverage = metrics::interval_coverage(&forecasts.low, &forecasts.high, &forecasts.came)?;
    println!("trained on {} to {}, checked on {} years", rows[0].0, HELD_OUT - 1, forecasts.years.len());
    println!("within the 90 % interval  {:.1} %", 100.0 * coverage);
    println!("RMSE of the median        {:.1} sunspots", metrics::rmse(&forecasts.middle, &forecasts.came)?);
    let width = (&forecasts.high - &forecasts.low).mean(Kind::Double).double_value(&[]);
    println!("mean width                {width:.1} sunspots");
    if let Some(path) = picture {
        draw(&rows, &forecasts)?.write(&path)?;
        println!("{}", path.display());
    }
    Ok(())
}

fn forecast(rows: &[(i64, f64)]) -> Result<Forecasts> {
    let split = rows.iter().filter(|(year, _)| *year < HELD_OUT).count();
    // Counts scatter as their root does: on the root's scale the noise is the same at the maximum and the minimum.
    let roots: Vec<f64> = rows.iter().map(|(_, spots)| spots.sqrt()).collect();
    let train = &roots[..split];
    let mean = train.iter().sum::<f64>() / split as f64;
    let std = (train.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / split as f64).sqrt();
    let series: Vec<f32> = roots.iter().map(|v| ((v - mean) / std) as f32).collect();
    let windows: Vec<f32> = series.windows(WINDOW).take(series.len() - WINDOW).flatten().copied().collect();
    let x = Tensor::from_slice(&windows).reshape([-1, WINDOW as i64, 1]);
    let y = Tensor::from_slice(&series[WINDOW..]).unsqueeze(1);
    let (trained, held) = ((split - WINDOW) as i64, (rows.len() - split) as i64);

    let vs = nn::VarStore::new(Device::Cpu);
    let net = Forecast::try_new(&vs.root())?;
    let noise = Gaussian::learned(vs.root(), 0.5)?;
    let epochs = 150;
    Fit::new(&noise)
        .epochs(epochs)
        .batch_size(64)
        .learning_rate(0.02)
        .learning_rate_schedule(RateSchedule::Cosine)
        .kl(KlSchedule::WarmUp { epochs: 0.5 * epochs as f64 })
        .run(&net, &vs, &x.narrow(0, 0, trained), &y.narrow(0, 0, trained))?;

    let prediction = Predict::new().draws(400).run(&net, &x.narrow(0, trained, held))?;
    let (low, high) = noise.interval(prediction.outputs(), LEVEL)?;
    let middle = noise.quantile(prediction.outputs(), 0.5)?;
    // Quantiles go through an increasing function as they are; there are no fewer than no sunspots.
    let spots = |standard: Tensor| {
        (standard.to_kind(Kind::Double).squeeze_dim(1) * std + mean).clamp_min(0.0).square()
    };
    let came: Vec<f64> = rows[split..].iter().map(|(_, spots)| *spots).collect();
    Ok(Forecasts {
        years: rows[split..].iter().map(|(year, _)| *year).collect(),
        low: spots(low),
        middle: spots(middle),
        high: spots(high),
        came: Tensor::from_slice(&came),
    })
}

/// The last fifty years of training, the intervals and medians of the held-out years, and what came.
fn draw(rows: &[(i64, f64)], forecasts: &Forecasts) -> Result<Picture> {
    let of = |rows: Vec<&(i64, f64)>| {
        let years: Vec<f64> = rows.iter().map(|(year, _)| *year as f64).collect();
        (
            Tensor::from_slice(&years),
            Tensor::from_slice(&rows.iter().map(|(_, spots)| *spots).collect::<Vec<f64>>()),
        )
    };
    let before = of(rows.iter().filter(|(year, _)| (HELD_OUT - 50..HELD_OUT).contains(year)).collect());
    let years = of(rows.iter().filter(|(year, _)| *year >= HELD_OUT).collect()).0;
    let Forecasts { low, middle, high, came, .. } = forecasts;
    let inside = low.le_tensor(came).logical_and(&came.le_tensor(high));
    let those = |which: &Tensor| (years.masked_select(which), came.masked_select(which));
    let (held, missed) = (those(&inside), those(&inside.logical_not()));
    let plot = Plot::new("year", "sunspots")
        .size(880.0, 330.0)
        .line(Colour::Muted, &before.0, &before.1)?
        .named("trained on")
        .band(Colour::First, &years, low, high)?
        .named("90 % interval")
        .line(Colour::First, &years, middle)?
        .named("median forecast")
        .points(Colour::Ink, &held.0, &held.1)?
        .named("what came")
        .points(Colour::Second, &missed.0, &missed.1)?
        .named("outside of the interval");
    Ok(plot.picture().titled("Sunspots a year ahead", ""))
}
