//! Each net of the zoo at its original's size: how many weights it has, and its original.
//!
//! `cargo run --release --example zoo -- [NAME]` prints one of them layer by layer too.

mod nets;

use std::process::ExitCode;

use illia::prelude::*;
use nets::ZOO;

fn main() -> ExitCode {
    let only: Option<String> = std::env::args().nth(1);
    let mut same = true;
    for (name, make, original) in
        ZOO.iter().filter(|(name, ..)| only.as_ref().is_none_or(|only| only == name))
    {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = make(&vs.root());
        let weights: usize = vs.trainable_variables().iter().map(Tensor::numel).sum();
        println!("{name:<14}{weights:>12} weights, its original {original:>12}");
        if only.is_some() {
            println!("{net}");
        }
        same &= weights == *original;
    }
    if same { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
