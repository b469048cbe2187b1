//! The demo: a Bayesian convolutional net that reads handwritten digits and knows when it can't.
//!
//! `cargo run --release --example digits` trains on the 1,797 small digits that are built in; `-- --data DIR` on MNIST
//! or Fashion-MNIST. `-- --help` lists the options.

mod arguments;
mod demo;
mod export;
#[path = "../common/flags.rs"]
mod flags;
mod judge;
mod methods;
mod mnist;
mod net;
mod pictures;
mod report;
mod rules;
mod small;
mod train;
mod trained;
mod uci;
mod ways;

use std::path::Path;
use std::process::ExitCode;

use arguments::Arguments;
pub use flags::Failure;

/// How a run came to its end.
pub enum Ended {
    Complete,
    Interrupted,
}

fn main() -> ExitCode {
    match run() {
        // What shells report of a program that Ctrl-C ended.
        Ok(Ended::Interrupted) => ExitCode::from(130),
        outcome => flags::end(outcome.map(drop)),
    }
}

fn run() -> Result<Ended, Failure> {
    let arguments = Arguments::parse()?;
    if let Some(method) = arguments.method {
        return methods::run(&arguments, method);
    }
    make_folder(&arguments.out)?;
    match &arguments.data {
        None => demo::run(&arguments),
        Some(folder) => mnist::run(&arguments, folder),
    }
}

/// Makes sure that the pictures can be written before any time is spent on training.
fn make_folder(out: &Path) -> Result<(), Failure> {
    let unusable = |e: std::io::Error| format!("--out {}: can't write there: {e}", out.display());
    std::fs::create_dir_all(out).map_err(unusable)?;
    let probe = out.join(".probe");
    std::fs::write(&probe, "").map_err(unusable)?;
    std::fs::remove_file(&probe).map_err(unusable)?;
    Ok(())
}
