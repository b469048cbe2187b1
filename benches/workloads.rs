//! The price of being Bayesian: workloads, each beside the same net of tch's own layers and optimiser.
//!
//! `cargo bench --bench workloads -- [--json] [WORKLOAD …]`. The two are run in turn, in one process and on the same
//! data; a figure is the median of the rounds' ratios, with the ratios' 10th and 90th percentile for the spread.
//! A step of training is forward, cross-entropy + KL, backward and Adam over every parameter; a prediction is the mean
//! and the standard deviation of the probabilities over the draws, beside one deterministic pass.

mod nets;

use std::time::{Duration, Instant};

use illia::nn::{Linear, LinearConfig};
use illia::prelude::*;
use illia::{Adam, Predict, Trainer};
use nets::{
    Cnn, Gated, Mlp, Sequence, Small, plain_cnn, plain_gated, plain_mlp, plain_sequence, plain_small,
};

const FLOATS: (Kind, Device) = (Kind::Float, Device::Cpu);
const SEED: u64 = 1;
/// What one workload may take, both sides together; but for the fewest rounds that make a median.
const BUDGET: Duration = Duration::from_secs(3);
const ROUNDS: usize = 15;

/// One side of a workload: a step to be timed.
type Step = Box<dyn FnMut()>;

struct Workload {
    name: &'static str,
    /// (Bayesian, deterministic).
    build: fn() -> (Step, Step),
}

const WORKLOADS: [Workload; 15] = [
    Workload { name: "mlp_train_b128", build: || train(Mlp::new, plain_mlp, images(128), 1) },
    Workload { name: "mlp_train_b128_draws4", build: || train(Mlp::new, plain_mlp, images(128), 4) },
    Workload { name: "cnn_train_b64", build: || train(Cnn::new, plain_cnn, images(64), 1) },
    Workload {
        name: "lstm_train_b32_t64",
        build: || train(Sequence::new, plain_sequence, tokens(32, 64), 1),
    },
    Workload { name: "gru_train_b32_t64", build: || train(Gated::new, plain_gated, tokens(32, 64), 1) },
    Workload { name: "small_train_b1", build: || train(Small::new, plain_small, features(1), 1) },
    Workload { name: "small_train_b8", build: || train(Small::new, plain_small, features(8), 1) },
    Workload { name: "small_train_b32", build: || train(Small::new, plain_small, features(32), 1) },
    Workload {
        name: "cnn_predict_b1_s100",
        build: || predict(Cnn::new, plain_cnn, images(1), Predict::new().draws(100).marginal()),
    },
    Workload {
        name: "cnn_predict_b256_s32",
        build: || predict(Cnn::new, plain_cnn, images(256), Predict::new().draws(32)),
    },
    Workload {
        name: "mlp_predict_b256_s32",
        build: || predict(Mlp::new, plain_mlp, images(256), Predict::new().draws(32).marginal()),
    },
    Workload {
        name: "mlp_functions_b256_s32",
        build: || predict(Mlp::new, plain_mlp, images(256), Predict::new().draws(32)),
    },
    Workload {
        name: "small_predict_b1_s100",
        build: || predict(Small::new, plain_small, features(1), Predict::new().draws(100)),
    },
    Workload {
        name: "small_predict_b32_s32",
        build: || predict(Small::new, plain_small, features(32), Predict::new().draws(32)),
    },
    Workload { name: "sample_logprob_1m", build: sample },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    for name in &wanted {
        if !WORKLOADS.iter().any(|workload| workload.name == **name) {
            let names = WORKLOADS.map(|workload| workload.name).join(", ");
            eprintln!("no workload `{name}`; there are {names}");
            std::process::exit(2);
        }
    }
    if !json {
        println!("{:<23} {:>9} {:>9} {:>9}   10 % to 90 %", "workload", "ms", "baseline", "ratio");
    }
    for workload in &WORKLOADS {
        if wanted.is_empty() || wanted.iter().any(|name| *name == workload.name) {
            let Measured { ms, baseline, ratio, low, high } = measure(workload);
            let name = workload.name;
            if json {
                println!(
                    "{{\"workload\": \"{name}\", \"ms\": {ms:.4}, \"x_deterministic\": {ratio:.4}, \
                     \"x_low\": {low:.4}, \"x_high\": {high:.4}, \"deterministic_ms\": {baseline:.4}}}"
                );
            } else {
                println!("{name:<23} {ms:>9.3} {baseline:>9.3} {ratio:>9.3}   {low:.3} to {high:.3}");
            }
        }
    }
}

/// Medians in milliseconds, and of the ratio with its spread.
struct Measured {
    ms: f64,
    baseline: f64,
    ratio: f64,
    low: f64,
    high: f64,
}

fn measure(workload: &Workload) -> Measured {
    illia::manual_seed(SEED);
    let (mut ours, mut plain) = (workload.build)();
    let time = |step: &mut Step| {
        let start = Instant::now();
        step();
        start.elapsed().as_secs_f64() * 1e3
    };
    for _ in 0..3 {
        time(&mut plain);
        time(&mut ours);
    }
    let start = Instant::now();
    let mut rounds: Vec<(f64, f64)> = Vec::new();
    while rounds.len() < ROUNDS || start.elapsed() < BUDGET {
        rounds.push((time(&mut plain), time(&mut ours)));
    }
    let quantile = |q: f64, of: &dyn Fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * q).round() as usize]
    };
    let ratio = |(plain, ours): &(f64, f64)| ours / plain;
    Measured {
        ms: quantile(0.5, &|round| round.1),
        baseline: quantile(0.5, &|round| round.0),
        ratio: quantile(0.5, &ratio),
        low: quantile(0.1, &ratio),
        high: quantile(0.9, &ratio),
    }
}

/// Inputs and labels.
type Batch = (Tensor, Tensor);

fn images(batch: i64) -> Batch {
    (Tensor::randn([batch, 1, 28, 28], FLOATS), Tensor::randint(10, [batch], (Kind::Int64, Device::Cpu)))
}

fn features(batch: i64) -> Batch {
    (Tensor::randn([batch, 64], FLOATS), Tensor::randint(10, [batch], (Kind::Int64, Device::Cpu)))
}

fn tokens(batch: i64, steps: i64) -> Batch {
    let integers = (Kind::Int64, Device::Cpu);
    (Tensor::randint(1000, [batch, steps], integers), Tensor::randint(10, [batch], integers))
}

fn train<M, P>(
    bayesian: fn(&nn::Path) -> M,
    plain: fn(&nn::Path) -> P,
    (x, y): Batch,
    draws: usize,
) -> (Step, Step)
where
    M: BayesianModule + ModuleT + 'static,
    P: Fn(&Tensor) -> Tensor + 'static,
{
    let vs = nn::VarStore::new(Device::Cpu);
    let net = bayesian(&vs.root());
    let mut trainer = Trainer::new(Adam::default(), 60_000).expect("Adam's defaults");
    let (inputs, labels) = (x.shallow_clone(), y.shallow_clone());
    let ours = move || {
        let nll = || Ok(net.forward_t(&inputs, true).cross_entropy_for_logits(&labels));
        trainer.step_draws(&net, &vs, 1.0, draws, nll).expect("a finite loss");
    };

    let vs = nn::VarStore::new(Device::Cpu);
    let plain = plain(&vs.root());
    let mut optimiser = nn::Adam::default().build(&vs, 1e-3).expect("Adam's defaults");
    let deterministic = move || optimiser.backward_step(&plain(&x).cross_entropy_for_logits(&y));
    (Box::new(ours), Box::new(deterministic))
}

fn predict<M, P>(
    bayesian: fn(&nn::Path) -> M,
    plain: fn(&nn::Path) -> P,
    (x, _): Batch,
    how: Predict,
) -> (Step, Step)
where
    M: BayesianModule + ModuleT + 'static,
    P: Fn(&Tensor) -> Tensor + 'static,
{
    let vs = nn::VarStore::new(Device::Cpu);
    let net = bayesian(&vs.root());
    let inputs = x.shallow_clone();
    let ours = move || {
        let probabilities = how.run(&net, &inputs).expect("a prediction").map(|o| o.softmax(-1, Kind::Float));
        let _ = (probabilities.mean(), probabilities.std());
    };

    let plain = plain(&nn::VarStore::new(Device::Cpu).root());
    let deterministic = move || {
        let _ = tch::no_grad(|| plain(&x).softmax(-1, Kind::Float));
    };
    (Box::new(ours), Box::new(deterministic))
}

/// A draw, its sum + KL, backward, and, what the workload does not even ask for, Adam's step.
fn sample() -> (Step, Step) {
    let vs = nn::VarStore::new(Device::Cpu);
    let config = LinearConfig { bias: false, ..Default::default() };
    let weights = Linear::new(vs.root(), 1000, 1000, config);
    let mut trainer = Trainer::new(Adam::default(), 1).expect("Adam's defaults");
    let ours = move || {
        let sum = || Ok(weights.weight.draw().weights().sum(Kind::Float));
        trainer.step(&weights, &vs, 1.0, sum).expect("a finite sum");
    };
    let deterministic = || drop(Tensor::randn([1_000_000], FLOATS));
    (Box::new(ours), Box::new(deterministic))
}
