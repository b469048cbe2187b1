//! One net as four files: its mean, eight of its draws, its moments, and TorchScript.
//!
//! ```text
//! cargo run --release --example export -- --out out/export
//! ```

#[path = "common/flags.rs"]
mod flags;

use std::path::PathBuf;
use std::process::ExitCode;

use flags::{Failure, Flags};
use illia::export::{self, Export};
use illia::prelude::*;
use tch::CModule;

const HELP: &str = "\
One net as four files: its mean, eight of its draws, its moments, and TorchScript.

usage: export [OPTIONS]

  --out DIR  the files' folder (default: out/export)
  --help     this text
";

bnn! {
    /// Which of three blobs a point belongs to.
    struct Blobs: [2] -> [3] {
        posterior: FanIn;

        fc1: Linear(16) -> relu,
        fc2: Linear(16) -> relu,
        head: Linear(3),
    }
}

fn main() -> ExitCode {
    flags::end(run())
}

fn run() -> Result<(), Failure> {
    let mut folder = PathBuf::from("out/export");
    let mut flags = Flags::new(HELP);
    while let Some(flag) = flags.next()? {
        match flag.as_str() {
            "--out" => folder = flags.path()?,
            _ => return Err(flags.unknown()),
        }
    }
    std::fs::create_dir_all(&folder)?;
    illia::manual_seed(1);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Blobs::new(&vs.root());
    let (x, y) = blobs(300);
    Fit::new(Categorical).epochs(40).learning_rate(1e-2).progress(false).run(&net, &vs, &x, &y)?;

    export::onnx(&net, &Export::mean(), folder.join("mean.onnx"))?;
    // The same draws as the prediction below: those that follow the seed.
    illia::manual_seed(2);
    export::onnx(&net, &Export::draws(8).classes(), folder.join("draws.onnx"))?;
    export::onnx(&net, &Export::moments(), folder.join("moments.onnx"))?;
    let inputs = [x.narrow(0, 0, 4)];
    let script = folder.join("mean.pt");
    export::torchscript(&net, &vs, &inputs, |net, x| Ok(vec![net.try_forward(&x[0])?]), &script)?;

    illia::manual_seed(2);
    let prediction = Predict::new().draws(8).run(&net, &inputs[0])?;
    println!("mean of 8 draws, which draws.onnx gives too\n{:.4}", prediction.mean());
    let read = CModule::load(&script)?.forward_ts(&inputs)?;
    println!("the posterior's mean, which mean.onnx and mean.pt give\n{read:.4}");
    println!("written to {}", folder.display());
    Ok(())
}

/// `n` points around three centres, and their classes.
fn blobs(n: i64) -> (Tensor, Tensor) {
    let class = Tensor::arange(n, (Kind::Int64, Device::Cpu)).remainder(3);
    let angle = class.to_kind(Kind::Float) * (2.0 * std::f64::consts::PI / 3.0);
    let centres = Tensor::stack(&[angle.cos(), angle.sin()], 1) * 2.0;
    (centres + Tensor::randn([n, 2], (Kind::Float, Device::Cpu)) * 0.6, class)
}
