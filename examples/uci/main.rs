//! The UCI regression protocol (Hernández-Lobato & Adams 2015): test RMSE and log-likelihood of one hidden layer of 50
//! ReLU units over the published splits of a data set.
//!
//! ```text
//! cargo run --release --example uci -- --data yacht --splits 20
//! ```

mod methods;
mod protocol;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use illia::{Error, Result};
use methods::Method;
use protocol::{Folder, Outcome};

const HELP: &str = "\
Test RMSE and log-likelihood over the splits of a UCI regression set.

Usage: uci --data DIR [--splits K] [--method vi|point|dropout|ensemble] [--members M]
           [--seed N] [--json]

  --data DIR      data.txt, index_features.txt, index_target.txt, index_train_K.txt, index_test_K.txt
  --splits K      the first K splits; all without it
  --method NAME   vi: mixture of 3 mean-field Gaussians (the default); point: maximum a posteriori;
                  dropout: MC dropout; ensemble: 5 points
  --members M     how many fits are mixed, instead of 3 (vi), 5 (ensemble) or 1
  --seed N        1 without it
  --json          one line of JSON instead of a table
  --help          this text";

struct Arguments {
    data: PathBuf,
    splits: Option<usize>,
    method: Method,
    members: Option<usize>,
    seed: u64,
    json: bool,
}

/// None where help was asked for.
fn arguments() -> std::result::Result<Option<Arguments>, String> {
    let mut given = std::env::args().skip(1);
    let (mut data, mut splits, mut method, mut members) = (None, None, Method::Vi, None);
    let (mut seed, mut json) = (1, false);
    while let Some(argument) = given.next() {
        let (name, inline) = match argument.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (argument, None),
        };
        let mut value = || inline.clone().or_else(|| given.next()).ok_or(format!("{name} needs a value"));
        let number =
            |text: String| text.parse::<u64>().map_err(|_| format!("{name}: `{text}` is no whole number"));
        match name.as_str() {
            "--data" => data = Some(PathBuf::from(value()?)),
            "--splits" => match number(value()?)? {
                0 => return Err("--splits: at least 1".to_owned()),
                n => splits = Some(n as usize),
            },
            "--method" => {
                let text = value()?;
                let known = "vi, point, dropout, ensemble";
                method = Method::parse(&text).ok_or(format!("--method: `{text}` is none of {known}"))?;
            }
            "--members" => match number(value()?)? {
                0 => return Err("--members: at least 1".to_owned()),
                n => members = Some(n as usize),
            },
            "--seed" => seed = number(value()?)?,
            "--json" => json = true,
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("unknown argument `{name}`; --help lists them")),
        }
    }
    let data = data.ok_or("--data DIR is missing; --help says what is in it")?;
    Ok(Some(Arguments { data, splits, method, members, seed, json }))
}

fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(sentence) => {
            eprintln!("uci: {sentence}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("uci: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let start = Instant::now();
    let folder = Folder::open(&arguments.data)?;
    let splits = arguments.splits.unwrap_or(folder.splits).min(folder.splits);
    let outcomes = all_splits(&folder, splits, arguments)?;
    let seconds = start.elapsed().as_secs_f64();
    let (rmse, rmse_se) = mean_and_error(outcomes.iter().map(|o| o.rmse));
    let (ll, ll_se) = mean_and_error(outcomes.iter().map(|o| o.log_likelihood));
    for (name, value) in [("RMSE", rmse), ("log-likelihood", ll)] {
        if !value.is_finite() {
            return Err(Error::configuration(
                name,
                value,
                "a finite number: the target's scale may be out of range",
            ));
        }
    }
    if arguments.json {
        let name = arguments.method.name();
        println!(
            "{{\"method\": \"{name}\", \"seed\": {}, \"splits\": {splits}, \"rmse\": {rmse}, \"rmse_se\": {rmse_se}, \
             \"log_likelihood\": {ll:.6}, \"log_likelihood_se\": {ll_se:.6}, \"seconds\": {seconds:.3}, \
             \"seconds_per_split\": {:.3}}}",
            arguments.seed,
            seconds / splits as f64
        );
        return Ok(());
    }
    println!("{} rows, {} features, {}", folder.rows(), folder.features(), arguments.method.name());
    println!("split       RMSE  log-likelihood");
    for (k, outcome) in outcomes.iter().enumerate() {
        println!("{k:>5}  {:>9.4}  {:>14.4}", outcome.rmse, outcome.log_likelihood);
    }
    println!(" mean  {rmse:>9.4}  {ll:>14.4}");
    println!("   ±   {rmse_se:>9.4}  {ll_se:>14.4}   (standard error)");
    println!("{seconds:.1} s, {:.1} s a split", seconds / splits as f64);
    Ok(())
}

/// The outcomes in the order of the splits: one thread to a split, since a net this small leaves nothing to share out
/// within one.
fn all_splits(folder: &Folder, splits: usize, arguments: &Arguments) -> Result<Vec<Outcome>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let numbers_per_split = folder.rows().saturating_mul(folder.features());
    let workers = cores.min(splits).min((MEMORY / 16 / numbers_per_split.max(1)).max(1));
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let quiet = arguments.json && !std::io::stderr().is_terminal();
    let work = || {
        tch::set_num_threads(1);
        loop {
            let k = next.fetch_add(1, Ordering::Relaxed);
            if k >= splits {
                return;
            }
            // Seeds of their own, so that a split's numbers depend neither on the threads nor on the other splits.
            illia::manual_seed(arguments.seed.wrapping_mul(1_000_003).wrapping_add(k as u64));
            let outcome =
                folder.split(k).and_then(|split| methods::run(arguments.method, arguments.members, &split));
            let failed = outcome.is_err();
            if let Ok(outcome) = &outcome
                && !quiet
            {
                eprintln!(
                    "split {k}: RMSE {:.4}, log-likelihood {:.4}",
                    outcome.rmse, outcome.log_likelihood
                );
            }
            if let Ok(mut done) = done.lock() {
                done.push((k, outcome));
            }
            if failed {
                next.store(splits, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    done.sort_by_key(|(k, _)| *k);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// What the splits in work at one time may take, in bytes.
const MEMORY: usize = 2 << 30;

/// The mean and its standard error; 0 for a single number.
fn mean_and_error(values: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.clone().sum::<f64>() / n;
    if n < 2.0 {
        return (mean, 0.0);
    }
    let variance = values.map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}
