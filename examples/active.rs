//! Active learning: which digits to label next, by what a label would tell about the weights (Houlsby et al. 2011): those of which it
//! tells most, or drawn with a chance in proportion (Kirsch et al. 2021), beside as many drawn at random.
//!
//! ```text
//! cargo run --release --example active
//! ```

#[path = "common/flags.rs"]
mod flags;

use std::process::ExitCode;

use flags::{Failure, Flags};
use illia::data::Csv;
use illia::noise::{self, Stream};
use illia::prelude::*;
use illia::{Result, metrics};

const HELP: &str = "\
Test accuracy on UCI's digits by the number of labels, for three ways to choose them.

usage: active [OPTIONS]

  --labels N  labels at the end, of 1297 (default: 200)
  --each N    labels that are asked for at a time, and those at first (default: 20)
  --seeds N   how many runs are averaged (default: 3)
  --json      a line of JSON for each number of labels instead of a table
  --help      this text
";

bnn! {
    struct Digits: [64] -> [10] {
        prior: Gaussian(std: 1.0);
        posterior: Gaussian(rho: -4.0);

        fc: Linear(64) -> relu,
        head: Linear(10),
    }
}

/// Ways to choose.
const WAYS: [(&str, Way); 3] =
    [("most information", Way::Most), ("in proportion", Way::InProportion), ("at random", Way::AtRandom)];

#[derive(Clone, Copy)]
enum Way {
    Most,
    InProportion,
    AtRandom,
}

/// Digits, `[N, 64]`, and what they are, `[N]`.
struct Set {
    x: Tensor,
    y: Tensor,
}

impl Set {
    fn rows(&self, rows: &[i64]) -> Set {
        let rows = Tensor::from_slice(rows);
        Set { x: self.x.index_select(0, &rows), y: self.y.index_select(0, &rows) }
    }
}

/// The test accuracy in %, after each round of questions.
fn ask(way: Way, pool: &Set, test: &Set, each: usize, labels: usize) -> Result<Vec<f64>> {
    let mut unlabelled = shuffled(pool.x.size()[0])?;
    let mut labelled: Vec<i64> = unlabelled.drain(..each).collect();
    let (mut accuracies, noise) = (Vec::new(), Stream::new());
    loop {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = Digits::try_new(&vs.root())?;
        let known = pool.rows(&labelled);
        let fit = Fit::new(Categorical).epochs(100).batch_size(20).kl(KlSchedule::Constant(0.05));
        fit.progress(false).run(&net, &vs, &known.x, &known.y)?;
        let probabilities = Predict::new().run(&net, &test.x)?.predictive_mean(&Categorical);
        accuracies.push(100.0 * metrics::accuracy(&probabilities, &test.y)?);
        let next = each.min(labels.saturating_sub(labelled.len()));
        if next == 0 {
            return Ok(accuracies);
        }
        let at = match way {
            // They are in an order by chance already.
            Way::AtRandom => (0..next as i64).collect(),
            Way::InProportion => Predict::new().run(&net, &pool.rows(&unlabelled).x)?.ask(
                &Categorical,
                next,
                noise.next_key(),
            )?,
            Way::Most => {
                let information =
                    Predict::new().run(&net, &pool.rows(&unlabelled).x)?.uncertainty(&Categorical).epistemic;
                Vec::try_from(information.topk(next as i64, 0, true, true).1)?
            }
        };
        labelled.extend(at.iter().map(|&at| unlabelled[at as usize]));
        let mut number = -1;
        unlabelled.retain(|_| {
            number += 1;
            !at.contains(&number)
        });
    }
}

/// UCI's digits: 1,297 to choose from, 500 to test with.
fn digits() -> Result<(Set, Set)> {
    let table = Csv::new()
        .parse("digits.csv.gz", include_bytes!("digits/data/digits.csv.gz"))?
        .to_tensor(Kind::Float)?;
    illia::manual_seed(0);
    let rows = shuffled(table.size()[0])?;
    let set = Set { x: table.narrow(1, 0, 64) / 16.0, y: table.select(1, 64).to_kind(Kind::Int64) };
    Ok((set.rows(&rows[500..]), set.rows(&rows[..500])))
}

/// The numbers below `n` in an order by chance.
fn shuffled(n: i64) -> Result<Vec<i64>> {
    let order = noise::uniforms(Stream::new().next_key(), &[n], Kind::Float, Device::Cpu).argsort(0, false);
    Ok(Vec::try_from(order)?)
}

fn run() -> Result<(), Failure> {
    let (mut labels, mut each, mut seeds, mut json) = (200, 20, 3, false);
    let mut flags = Flags::new(HELP);
    while let Some(flag) = flags.next()? {
        match flag.as_str() {
            "--labels" => labels = flags.number(1..=1297)?,
            "--each" => each = flags.number(1..=1297)?,
            "--seeds" => seeds = flags.number(1..)?,
            "--json" => json = true,
            _ => return Err(flags.unknown()),
        }
    }
    if each > labels {
        return Err(format!("--each {each}: there are only {labels} labels, as --labels says").into());
    }
    tch::set_num_threads(1);
    let (pool, test) = digits()?;
    let mut means: Vec<Vec<f64>> = Vec::new();
    for (_, way) in WAYS {
        let mut of_way: Vec<f64> = Vec::new();
        for seed in 0..seeds {
            illia::manual_seed(seed);
            let accuracies = ask(way, &pool, &test, each, labels)?;
            of_way.resize(accuracies.len(), 0.0);
            of_way.iter_mut().zip(accuracies).for_each(|(mean, one)| *mean += one / seeds as f64);
        }
        means.push(of_way);
    }
    if !json {
        println!("test accuracy, %, mean of {seeds} seeds");
        println!("labels  {}", WAYS.map(|(name, _)| name).join("  "));
    }
    for round in 0..means.iter().map(Vec::len).min().unwrap_or(0) {
        let at = (each * (round + 1)).min(labels);
        let cells = WAYS.iter().zip(&means).map(|((name, _), mean)| match json {
            true => format!("\"{name}\": {:.2}", mean[round]),
            false => format!("{:>width$.1}", mean[round], width = name.len()),
        });
        let cells: Vec<String> = cells.collect();
        match json {
            true => println!("{{\"labels\": {at}, {}}}", cells.join(", ")),
            false => println!("{at:>6}  {}", cells.join("  ")),
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    flags::end(run())
}
