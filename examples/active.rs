//! Active learning: which digits to label next, by what a label would tell about the weights (Houlsby et al. 2011): those of which it
//! tells most, or drawn with a chance in proportion (Kirsch et al. 2021), beside as many drawn at random.
//!
//! ```text
//! cargo run --release --example active
//! ```

use illia::data::Csv;
use illia::noise::{self, Stream};
use illia::prelude::*;
use illia::{Result, metrics};

/// Labels that one begins with, that are asked for at a time, and how often.
const FIRST: i64 = 20;
const EACH: i64 = 20;
const ROUNDS: i64 = 9;
const SEEDS: u64 = 3;

bnn! {
    struct Digits: [64] -> [10] {
        prior: Gaussian(std: 1.0);
        posterior: Gaussian(rho: -4.0);

        fc: Linear(64) -> relu,
        head: Linear(10),
    }
}

/// Digits, `[N, 64]`, and what they are, `[N]`.
struct Set {
    x: Tensor,
    y: Tensor,
}

impl Set {
    fn rows(&self, rows: &Tensor) -> Set {
        Set { x: self.x.index_select(0, rows), y: self.y.index_select(0, rows) }
    }
}

fn main() -> Result<()> {
    tch::set_num_threads(1);
    let (pool, test) = digits()?;
    let ways: [fn(&Tensor) -> Tensor; 3] = [most, in_proportion, at_random];
    println!("test accuracy, %, mean of {SEEDS} seeds");
    println!("labels  most information  in proportion  at random");
    let mut accuracies = vec![[0.0; 3]; ROUNDS as usize];
    for seed in 0..SEEDS {
        for (way, score) in ways.iter().enumerate() {
            illia::manual_seed(seed);
            let mut labelled = shuffled(pool.x.size()[0]).narrow(0, 0, FIRST);
            for at_round in &mut accuracies {
                let vs = nn::VarStore::new(Device::Cpu);
                let net = Digits::try_new(&vs.root())?;
                let known = pool.rows(&labelled);
                let fit = Fit::new(Categorical).epochs(100).batch_size(20).kl(KlSchedule::Constant(0.05));
                fit.progress(false).run(&net, &vs, &known.x, &known.y)?;

                let probabilities = Predict::new().run(&net, &test.x)?.predictive_mean(&Categorical);
                at_round[way] += 100.0 * metrics::accuracy(&probabilities, &test.y)? / SEEDS as f64;

                let information = Predict::new().run(&net, &pool.x)?.uncertainty(&Categorical).epistemic;
                // What has a label is not asked for again.
                let score = score(&information).index_fill(0, &labelled, f64::NEG_INFINITY);
                labelled = Tensor::cat(&[labelled, score.topk(EACH, 0, true, true).1], 0);
            }
        }
    }
    for (round, [most, proportion, random]) in (0..).zip(&accuracies) {
        println!("{:>6}  {most:>16.1}  {proportion:>13.1}  {random:>9.1}", FIRST + EACH * round);
    }
    Ok(())
}

fn most(information: &Tensor) -> Tensor {
    information.to_kind(Kind::Double)
}

/// With Gumbel noise on its log, the largest are a draw without replacement in proportion.
fn in_proportion(information: &Tensor) -> Tensor {
    at_random(information) + information.to_kind(Kind::Double).clamp_min(1e-12).log()
}

fn at_random(information: &Tensor) -> Tensor {
    let uniforms = noise::uniforms(Stream::new().next_key(), &information.size(), Kind::Double, Device::Cpu);
    -(-uniforms.clamp(1e-12, 1.0 - 1e-12).log()).log()
}

/// UCI's digits: 1,297 to choose from, 500 to test with.
fn digits() -> Result<(Set, Set)> {
    let table = Csv::new()
        .parse("digits.csv.gz", include_bytes!("digits/data/digits.csv.gz"))?
        .to_tensor(Kind::Float)?;
    illia::manual_seed(0);
    let rows = shuffled(table.size()[0]);
    let set = Set { x: table.narrow(1, 0, 64) / 16.0, y: table.select(1, 64).to_kind(Kind::Int64) };
    Ok((set.rows(&rows.slice(0, 500, None, 1)), set.rows(&rows.narrow(0, 0, 500))))
}

/// The numbers below `n` in an order by chance.
fn shuffled(n: i64) -> Tensor {
    noise::uniforms(Stream::new().next_key(), &[n], Kind::Float, Device::Cpu).argsort(0, false)
}
