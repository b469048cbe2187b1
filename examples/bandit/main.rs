//! A contextual bandit, the wheel of Riquelme, Tucker & Snoek (2018): what a net must try to find out, and what trying costs. Thompson
//! sampling from a net with nothing set, beside a point net that is greedy, or takes an action by chance now and then.
//!
//! ```text
//! cargo run --release --example bandit
//! ```

#[path = "../common/flags.rs"]
mod flags;
mod wheel;

use std::process::ExitCode;

use flags::{Failure, Flags};
use illia::likelihood::Gaussian;
use illia::noise::{self, Stream};
use illia::prelude::*;
use wheel::{ACTIONS, Wheel};

const HELP: &str = "\
Regret in the wheel bandit: Thompson sampling, beside greedy choices of a point net.

usage: bandit [OPTIONS]

  --rounds N  contexts that come, 20 at a time (default: 1000)
  --delta D   the radius beyond which one of four actions pays 50 (default: 0.9, 19 % of all)
  --seeds N   how many runs are averaged (default: 5)
  --json      a line of JSON for each way instead of a table
  --help      this text
";

/// Contexts between two fits, and those at first that get an action by chance.
const EACH: i64 = 20;
/// Steps of a fit.
const STEPS: i64 = 300;

bnn! {
    struct Doubting: [2] -> [ACTIONS] {
        first: Linear(50) -> relu,
        second: Linear(50) -> relu,
        head: Linear(ACTIONS),
    }
}

bnn! {
    struct Sure: [2] -> [ACTIONS] {
        posterior: Point;

        first: Linear(50) -> relu,
        second: Linear(50) -> relu,
        head: Linear(ACTIONS),
    }
}

/// How an action is chosen.
#[derive(Clone, Copy)]
enum Rule {
    Thompson,
    /// The best one; by chance with this probability.
    Greedy(f64),
    ByChance,
}

const WAYS: [(&str, Rule); 5] = [
    ("thompson", Rule::Thompson),
    ("greedy", Rule::Greedy(0.0)),
    ("epsilon-greedy, 0.02", Rule::Greedy(0.02)),
    ("epsilon-greedy, 0.1", Rule::Greedy(0.1)),
    ("by chance", Rule::ByChance),
];

/// The actions of all rounds, `[rounds]`.
fn play<M: BayesianModule + ModuleT>(
    new: impl Fn(&nn::Path) -> illia::Result<M>,
    rule: Rule,
    wheel: &Wheel,
) -> illia::Result<Tensor> {
    let rounds = wheel.contexts.size()[0];
    let noise = Stream::new();
    let by_chance = |n: i64| {
        let uniforms = noise::uniforms(noise.next_key(), &[n], Kind::Double, Device::Cpu);
        (uniforms * ACTIONS as f64).to_kind(Kind::Int64).clamp_max(ACTIONS - 1)
    };
    let vs = nn::VarStore::new(Device::Cpu);
    let (net, likelihood) = (new(&vs.root())?, Gaussian::learned(vs.root() / "noise", 0.1)?);
    let mut actions = by_chance(EACH.min(rounds));
    while actions.size()[0] < rounds {
        let known = actions.size()[0];
        let next = wheel.contexts.narrow(0, known, EACH.min(rounds - known));
        if !matches!(rule, Rule::ByChance) {
            let batches = (known as f64 / 64.0).ceil() as i64;
            let fit = Fit::new(&likelihood).epochs((STEPS / batches).max(1) as usize).progress(false);
            // Of each round one reward is known, that of the action taken.
            fit.run_with(&net, &vs, &wheel.known(&actions)?, |inputs, train| {
                Ok(net.forward_t(&inputs[0], train).gather(1, &inputs[1], false))
            })?;
        }
        let chosen = match rule {
            Rule::Thompson => Predict::new().draws(100).run(&net, &next)?.thompson(noise.next_key())?,
            Rule::Greedy(epsilon) => {
                let best = Predict::new().draws(1).run(&net, &next)?.mean().argmax(-1, false);
                let chance = noise::uniforms(noise.next_key(), &best.size(), Kind::Float, Device::Cpu);
                by_chance(best.size()[0]).where_self(&chance.lt(epsilon), &best)
            }
            Rule::ByChance => by_chance(next.size()[0]),
        };
        actions = Tensor::cat(&[actions, chosen], 0);
    }
    Ok(actions)
}

fn run() -> Result<(), Failure> {
    let (mut rounds, mut delta, mut seeds, mut json) = (1000, 0.9, 5, false);
    let mut flags = Flags::new(HELP);
    while let Some(flag) = flags.next()? {
        match flag.as_str() {
            "--rounds" => rounds = flags.number(1..)?,
            "--delta" => delta = flags.number(0.0..1.0)?,
            "--seeds" => seeds = flags.number(1..)?,
            "--json" => json = true,
            _ => return Err(flags.unknown()),
        }
    }
    tch::set_num_threads(1);
    let mut by_chance = f64::NAN;
    // What chance alone costs is what the others are compared with, so it comes first.
    for (name, rule) in WAYS.into_iter().rev() {
        let mut regrets = Vec::new();
        for seed in 1..=seeds {
            illia::manual_seed(seed);
            let wheel = Wheel::new(rounds, delta, seed);
            let actions = match rule {
                Rule::Thompson => play(Doubting::try_new, rule, &wheel)?,
                _ => play(Sure::try_new, rule, &wheel)?,
            };
            regrets.push(wheel.regret(&actions).sum(Kind::Double).double_value(&[]));
        }
        let n = regrets.len() as f64;
        let mean = regrets.iter().sum::<f64>() / n;
        let error = (regrets.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0) / n).sqrt();
        if let Rule::ByChance = rule {
            by_chance = mean;
        }
        let (share, off) = (100.0 * mean / by_chance, 100.0 * error / by_chance);
        if json {
            println!(
                "{{\"way\": \"{name}\", \"rounds\": {rounds}, \"seeds\": {seeds}, \"regret\": {mean:.1}, \"error\": {error:.1}}}"
            );
        } else {
            println!(
                "{name:<22} regret {mean:>7.0} ± {error:<5.0} {share:>5.1} ± {off:.1} % of that by chance"
            );
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    flags::end(run())
}
