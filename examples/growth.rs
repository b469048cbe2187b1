//! How the price of being Bayesian grows: with width, batch, draws and sequence length, and in memory.
//!
//! `cargo run --release --example growth`. Two equal hidden layers beside the same of tch's own, in turn; a row is the
//! median of the rounds' ratios. Memory is the peak of a process of its own that takes ten steps.

#[path = "common/flags.rs"]
mod flags;

use std::process::{Command, ExitCode};
use std::time::Instant;

use flags::{Failure, Flags};
use illia::nn::{Lstm, RecurrentConfig};
use illia::prelude::*;
use illia::{Adam, Predict, Trainer};

const FLOATS: (Kind, Device) = (Kind::Float, Device::Cpu);

const HELP: &str = "\
How the price of being Bayesian grows: with width, batch, draws and sequence length, and in memory.

usage: growth [--help]
";

fn main() -> ExitCode {
    flags::end(run())
}

fn run() -> Result<(), Failure> {
    let mut flags = Flags::new(HELP);
    if let Some(flag) = flags.next()? {
        return match flag.as_str() {
            // A process of this program's own.
            "--memory" => report_peak(&flags.text()?, flags.number(1..)?),
            _ => Err(flags.unknown()),
        };
    }
    illia::manual_seed(1);
    println!("a training step, batch 128\n{:>8} {:>10} {:>10} {:>7}", "width", "ms", "plain ms", "ratio");
    for width in (6..=12).map(|power| 1 << power) {
        row(width, &mut step(width, 128), &mut plain_step(width, 128));
    }
    println!("\na training step, width 512\n{:>8} {:>10} {:>10} {:>7}", "batch", "ms", "plain ms", "ratio");
    for batch in [1, 8, 32, 128, 512, 2048] {
        row(batch, &mut step(512, batch), &mut plain_step(512, batch));
    }
    for (title, how) in [("functions", Predict::new()), ("marginal", Predict::new().marginal())] {
        println!(
            "\n{title}: width 512, 32 examples\n{:>8} {:>10} {:>10} {:>7}",
            "draws", "ms", "plain ms", "ratio"
        );
        for draws in [1, 4, 16, 64, 256] {
            row(draws, &mut prediction(512, 32, how.draws(draws as usize)), &mut plain_prediction(512, 32));
        }
    }
    println!(
        "\nan LSTM's step, 64 to 128, batch 32\n{:>8} {:>10} {:>10} {:>7}",
        "length", "ms", "plain ms", "ratio"
    );
    for length in [4, 16, 64, 256] {
        row(length, &mut sequence_step(length), &mut plain_sequence_step(length));
    }
    println!(
        "\npeak memory beyond libtorch's own, MiB\n{:>8} {:>10} {:>10} {:>7}",
        "width", "ours", "plain", "ratio"
    );
    for width in [1024, 2048, 4096] {
        let base = peak("none", width);
        let (ours, plain) = (peak("ours", width) - base, peak("plain", width) - base);
        println!("{width:>8} {ours:>10.1} {plain:>10.1} {:>7.2}", ours / plain);
    }
    Ok(())
}

fn row(label: i64, ours: &mut dyn FnMut(), plain: &mut dyn FnMut()) {
    let time = |step: &mut dyn FnMut()| {
        let start = Instant::now();
        step();
        start.elapsed().as_secs_f64() * 1e3
    };
    for _ in 0..2 {
        time(plain);
        time(ours);
    }
    let mut rounds: Vec<(f64, f64)> = Vec::new();
    let start = Instant::now();
    while rounds.len() < 7 || (rounds.len() < 200 && start.elapsed().as_secs_f64() < 0.5) {
        rounds.push((time(ours), time(plain)));
    }
    let median = |of: &dyn Fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let (ms, plain_ms, ratio) = (median(&|r| r.0), median(&|r| r.1), median(&|r| r.0 / r.1));
    println!("{label:>8} {ms:>10.3} {plain_ms:>10.3} {ratio:>7.2}");
}

bnn! {
    struct Net(width: i64): [width] -> [10] {
        fc1: Linear(width) -> relu,
        fc2: Linear(width) -> relu,
        head: Linear(10),
    }
}

fn plain(p: &nn::Path, width: i64) -> impl Fn(&Tensor) -> Tensor + use<> {
    let linear = |name, outputs| nn::linear(p / name, width, outputs, Default::default());
    let (fc1, fc2, head) = (linear("fc1", width), linear("fc2", width), linear("head", 10));
    move |x| head.forward(&fc2.forward(&fc1.forward(x).relu()).relu())
}

fn labels(batch: i64) -> Tensor {
    Tensor::randint(10, [batch], (Kind::Int64, Device::Cpu))
}

fn step(width: i64, batch: i64) -> impl FnMut() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Net::new(&vs.root(), width);
    let (x, y) = (Tensor::randn([batch, width], FLOATS), labels(batch));
    let mut trainer = Trainer::new(Adam::default(), 60_000).expect("Adam's defaults");
    move || {
        let nll = || Ok(net.forward(&x).cross_entropy_for_logits(&y));
        trainer.step(&net, &vs, 1.0, nll).expect("a finite loss");
    }
}

fn plain_step(width: i64, batch: i64) -> impl FnMut() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = plain(&vs.root(), width);
    let (x, y) = (Tensor::randn([batch, width], FLOATS), labels(batch));
    let mut adam = nn::Adam::default().build(&vs, 1e-3).expect("Adam's defaults");
    move || adam.backward_step(&net(&x).cross_entropy_for_logits(&y))
}

fn prediction(width: i64, batch: i64, how: Predict) -> impl FnMut() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Net::new(&vs.root(), width);
    let x = Tensor::randn([batch, width], FLOATS);
    move || drop(how.run(&net, &x).expect("a prediction"))
}

fn plain_prediction(width: i64, batch: i64) -> impl FnMut() {
    let net = plain(&nn::VarStore::new(Device::Cpu).root(), width);
    let x = Tensor::randn([batch, width], FLOATS);
    move || drop(tch::no_grad(|| net(&x)))
}

fn sequence_step(length: i64) -> impl FnMut() {
    let vs = nn::VarStore::new(Device::Cpu);
    let lstm = Lstm::new(vs.root(), 64, 128, RecurrentConfig::default());
    let x = Tensor::randn([32, length, 64], FLOATS);
    let mut trainer = Trainer::new(Adam::default(), 60_000).expect("Adam's defaults");
    move || {
        let nll = || Ok(lstm.forward_t(&x, true).square().mean(Kind::Float));
        trainer.step(&lstm, &vs, 1.0, nll).expect("a finite loss");
    }
}

fn plain_sequence_step(length: i64) -> impl FnMut() {
    let vs = nn::VarStore::new(Device::Cpu);
    let lstm = nn::lstm(vs.root(), 64, 128, Default::default());
    let x = Tensor::randn([32, length, 64], FLOATS);
    let mut adam = nn::Adam::default().build(&vs, 1e-3).expect("Adam's defaults");
    move || adam.backward_step(&nn::RNN::seq(&lstm, &x).0.square().mean(Kind::Float))
}

/// Takes ten steps and prints the most memory that this process ever held, in KiB.
fn report_peak(side: &str, width: i64) -> Result<(), Failure> {
    match side {
        "ours" => (0..10).for_each({
            let mut step = step(width, 128);
            move |_| step()
        }),
        "plain" => (0..10).for_each({
            let mut step = plain_step(width, 128);
            move |_| step()
        }),
        // What libtorch itself takes for its first step.
        _ => (0..10).for_each({
            let mut step = plain_step(16, 128);
            move |_| step()
        }),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!("{}", peak.unwrap_or("0 kB").trim().trim_end_matches(" kB"));
    Ok(())
}

/// The peak of a process of its own, in MiB.
fn peak(side: &str, width: i64) -> f64 {
    let me = std::env::current_exe().expect("this program's path");
    let output =
        Command::new(me).args(["--memory", side, &width.to_string()]).output().expect("a child process");
    String::from_utf8_lossy(&output.stdout).trim().parse::<f64>().unwrap_or(0.0) / 1024.0
}
