//! The demo: a Bayesian convolutional net that reads handwritten digits and knows when it can't.
//!
//! `cargo run --release --example digits` trains on the 1,797 small digits that are built in; `-- --data DIR` on MNIST
//! or Fashion-MNIST. `-- --help` lists the options.

mod arguments;
mod demo;
mod export;
mod judge;
mod methods;
mod mnist;
mod net;
mod pictures;
mod report;
mod small;
mod train;
mod uci;
mod ways;

use std::path::Path;
use std::process::ExitCode;

use arguments::Arguments;

/// One sentence on what went wrong.
pub type Failure = Box<dyn std::error::Error>;

/// How a run came to its end.
pub enum Ended {
    Complete,
    Interrupted,
}

fn main() -> ExitCode {
    match run() {
        Ok(Ended::Complete) => ExitCode::SUCCESS,
        // What shells report of a program that Ctrl-C ended.
        Ok(Ended::Interrupted) => ExitCode::from(130),
        Err(failure) => {
            eprintln!("digits: {failure}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<Ended, Failure> {
    let arguments = Arguments::parse()?;
    if arguments.help {
        print!("{}", arguments::help());
        return Ok(Ended::Complete);
    }
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
