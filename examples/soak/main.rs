//! The long tests: what must survive being killed, mutated, filled up and left running.
//!
//! `cargo xtask soak` runs all of it; `cargo xtask soak --quick` a small share of each in under two minutes.

mod determinism;
mod disk;
#[path = "../common/flags.rs"]
mod flags;
mod kills;
mod memory;
mod mutations;
mod net;
mod processes;
mod random;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use flags::{Failure, Flags};

const HELP: &str = "\
The long tests of illia: kills of one process and of one of several, mutated checkpoints, a full
disk, memory, determinism.

usage: soak [OPTIONS] [STAGE …]

  --quick     a small share of each, in under two minutes
  --seed N    what is killed and mutated where (default: 1)
  --help      this text
  STAGE       kills, processes, mutations, disk, memory, determinism (default: all)

Exit status: 0 if all hold, 1 if one fails, 2 for a mistake in the arguments.
";

/// What a stage found: a sentence with its figures, or what went wrong.
type Outcome = Result<String, String>;

struct Settings {
    quick: bool,
    seed: u64,
}

type Stage = (&'static str, fn(&Settings) -> Outcome);

const STAGES: [Stage; 6] = [
    ("kills", kills::run),
    ("processes", processes::run),
    ("mutations", mutations::run),
    ("disk", disk::run),
    ("memory", memory::run),
    ("determinism", determinism::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // A stage's own children.
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--child-train", folder] => return net::child(&PathBuf::from(folder)),
        ["--child-save", file] => return net::child_save(&PathBuf::from(file)),
        ["--child-bits"] => return determinism::child(),
        ["--child-load", file] => return mutations::child(&PathBuf::from(file)),
        _ => {}
    }
    let (settings, stages) = match parse() {
        Ok(parsed) => parsed,
        Err(failure) => return flags::end(Err(failure)),
    };
    let mut failed = 0;
    for (name, stage) in stages {
        let start = Instant::now();
        let outcome = stage(&settings);
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(figures) => println!("{name:<12} ok      {seconds:7.1} s  {figures}"),
            Err(problem) => {
                failed += 1;
                println!("{name:<12} FAILED  {seconds:7.1} s  {problem}");
            }
        }
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse() -> Result<(Settings, Vec<Stage>), Failure> {
    let mut settings = Settings { quick: false, seed: 1 };
    let mut stages = Vec::new();
    let mut flags = Flags::new(HELP);
    while let Some(flag) = flags.next()? {
        match flag.as_str() {
            "--quick" => settings.quick = true,
            "--seed" => settings.seed = flags.number(0..)?,
            name => {
                stages.push(*STAGES.iter().find(|(stage, _)| *stage == name).ok_or_else(|| flags.unknown())?);
            }
        }
    }
    if stages.is_empty() {
        stages = STAGES.to_vec();
    }
    Ok((settings, stages))
}
