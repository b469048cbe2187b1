//! Each net of the zoo at its original's size: how many weights it has, and its original.
//!
//! `cargo run --release --example zoo -- [NAME]` prints one of them layer by layer too.

#[path = "../common/flags.rs"]
mod flags;
mod nets;

use std::process::ExitCode;

use flags::{Failure, Flags};
use illia::prelude::*;
use nets::ZOO;

fn help() -> String {
    let names: Vec<_> = ZOO.iter().map(|(name, ..)| format!("    {name}")).collect();
    format!(
        "\
Each net of the zoo at its original's size: how many weights it has, and its original.

usage: zoo [NAME]

  --help  this text
  NAME    this one alone, layer by layer too; one of
{}
",
        names.join("\n")
    )
}

fn main() -> ExitCode {
    flags::end(run())
}

fn run() -> Result<(), Failure> {
    let mut flags = Flags::new(help());
    let mut only = None;
    while let Some(name) = flags.next()? {
        only = Some(ZOO.iter().find(|(known, ..)| *known == name).ok_or_else(|| flags.unknown())?);
    }
    for (name, make, original) in only.map_or(&ZOO[..], std::slice::from_ref) {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = make(&vs.root());
        let weights: usize = vs.trainable_variables().iter().map(Tensor::numel).sum();
        println!("{name:<14}{weights:>12} weights, its original {original:>12}");
        if only.is_some() {
            println!("{net}");
        }
        if weights != *original {
            return Err(format!("{name} has another size than its original").into());
        }
    }
    Ok(())
}
