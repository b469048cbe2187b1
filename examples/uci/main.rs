//! The UCI regression protocol (Hernández-Lobato & Adams 2015): test RMSE and log-likelihood of one hidden layer of 50
//! ReLU units over the published splits of a data set.
//!
//! ```text
//! cargo run --release --example uci -- --data yacht --splits 20
//! ```

mod arguments;
mod around;
#[path = "../common/flags.rs"]
mod flags;
mod methods;
mod net;
mod protocol;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use arguments::Arguments;
use flags::Failure;
use illia::Result;
use protocol::{Folder, Outcome};

fn main() -> ExitCode {
    flags::end(run())
}

fn run() -> Result<(), Failure> {
    let arguments = &Arguments::parse()?;
    let start = Instant::now();
    let folder = Folder::open(&arguments.data)?;
    let splits = arguments.splits.unwrap_or(folder.splits).min(folder.splits);
    let outcomes = all_splits(&folder, splits, arguments)?;
    let seconds = start.elapsed().as_secs_f64();
    let (rmse, rmse_se) = mean_and_error(outcomes.iter().map(|o| o.rmse));
    let (ll, ll_se) = mean_and_error(outcomes.iter().map(|o| o.log_likelihood));
    for (name, value) in [("RMSE", rmse), ("log-likelihood", ll)] {
        if !value.is_finite() {
            return Err(format!("the {name} is {value}: the target's scale may be out of range").into());
        }
    }
    if arguments.json {
        let name = arguments.method.name;
        println!(
            "{{\"method\": \"{name}\", \"seed\": {}, \"splits\": {splits}, \"rmse\": {rmse}, \"rmse_se\": {rmse_se}, \
             \"log_likelihood\": {ll:.6}, \"log_likelihood_se\": {ll_se:.6}, \"seconds\": {seconds:.3}, \
             \"seconds_per_split\": {:.3}}}",
            arguments.seed,
            seconds / splits as f64
        );
        return Ok(());
    }
    println!("{} rows, {} features, {}", folder.rows(), folder.features(), arguments.method.name);
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
            let seed = arguments.seed.wrapping_mul(1_000_003).wrapping_add(k as u64);
            let outcome = folder
                .split(k, arguments.held_out)
                .and_then(|split| methods::score(arguments.method, arguments.members, seed, &split));
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
