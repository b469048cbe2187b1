//! The project's commands: `cargo xtask setup`, `test`, `demo`, `intents`, `bench`, `soak`, `book`,
//! `release-check`.
//!
//! No dependency but illia-setup, which has none, so that the first command of a newcomer compiles in seconds.

mod check;
mod commands;
mod packages;
mod process;
mod release;
mod semver;
mod setup;

use std::process::ExitCode;

/// Why a command failed: sentences for the user, and the exit status.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong and the way out. Empty where the program that was run has already said it.
    sentence: String,
    status: u8,
}

impl Failure {
    /// A failure of the work itself (exit status 1).
    fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), status: 1 }
    }

    /// The command line asks for what there is not (exit status 2).
    fn usage(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), status: 2 }
    }

    /// A program that was run failed and has said why; its exit status is passed on.
    fn passed_on(status: Option<i32>) -> Self {
        let status = status.and_then(|code| u8::try_from(code).ok()).unwrap_or(1).max(1);
        Self { sentence: String::new(), status }
    }
}

impl From<illia_setup::Error> for Failure {
    fn from(error: illia_setup::Error) -> Self {
        Self::new(error.to_string())
    }
}

type Result<T> = std::result::Result<T, Failure>;

const HELP: &str = "\
illia's commands. Each sets up libtorch first, if that has not happened yet.

usage: cargo xtask COMMAND [ARGUMENT …]

  setup [--cuda]                 get libtorch 2.13.0, so that plain cargo build/test/run/bench/doc work
                                 (--cuda: with the CUDA libraries, a download of about 2.5 GB)
  test                           format check, clippy, all tests, doctests, compile-fail tests, example programs
                                 (--quick: format check, clippy and unit tests alone)
  demo [ARGUMENT …]              train the Bayesian network on handwritten digits; `demo --help` lists the arguments
  intents FILE [ARGUMENT …]      train and measure the intent classifier on CLINC150's file; `intents --help` says more
  bench [--json] [WORKLOAD …]    time the workloads against their deterministic twins
  soak [--quick]                 the long tests: kills, mutated files, a full disk, memory, determinism
  book [ARGUMENT …]              the documentation as a book, in target/book; `--open` shows it (needs mdbook, not libtorch)
  release-check                  whether the crates can be published: their files and fields, the documentation as docs.rs builds
                                 it, each feature alone (needs no libtorch; --verify: each crate is built from its package too)

An existing libtorch is taken from LIBTORCH (a folder with lib/ and include/) or, with LIBTORCH_USE_PYTORCH=1, from
Python's torch; it must be version 2.13.0. docs/setup.md says more.
";

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.sentence.is_empty() {
                eprintln!("xtask: {}", failure.sentence);
            }
            ExitCode::from(failure.status)
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((command, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    match command.as_str() {
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        "setup" => setup::command(rest),
        "test" => check::command(rest),
        "demo" => commands::demo(rest),
        "intents" => commands::intents(rest),
        "bench" => commands::bench(rest),
        "soak" => commands::soak(rest),
        "book" => commands::book(rest),
        "release-check" => release::command(rest),
        other => Err(Failure::usage(format!(
            "there is no command `{other}`; the commands are setup, test, demo, intents, bench, soak, book and release-check (`cargo xtask --help`)"
        ))),
    }
}

/// For a command that takes only the named flags: which of them were given.
fn flags<const N: usize>(command: &str, arguments: &[String], known: [&str; N]) -> Result<[bool; N]> {
    let mut given = [false; N];
    for argument in arguments {
        if argument == "--help" || argument == "-h" {
            print!("{HELP}");
            std::process::exit(0);
        }
        match known.iter().zip(&mut given).find(|(name, _)| argument == **name) {
            Some((_, flag)) => *flag = true,
            None if known.is_empty() => {
                return Err(Failure::usage(format!("`{command}` takes no argument, `{argument}` was given")));
            }
            None => {
                let known = known.join(" and ");
                return Err(Failure::usage(format!(
                    "`{command}` takes only {known}, `{argument}` was given"
                )));
            }
        }
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_unknown_command_is_a_usage_error_that_names_it() {
        let failure = run(&words("tset")).expect_err("no such command");
        assert_eq!(failure.status, 2);
        assert!(failure.sentence.contains("`tset`"), "{}", failure.sentence);
    }

    #[test]
    fn an_unknown_flag_is_a_usage_error_that_names_it() {
        for line in ["setup --gpu", "test --fast", "soak --long", "release-check --fast"] {
            let failure = run(&words(line)).expect_err("no such flag");
            assert_eq!(failure.status, 2, "{line}");
            assert!(failure.sentence.contains("--"), "{}", failure.sentence);
        }
    }

    #[test]
    fn flags_are_found_in_any_order() {
        let given = flags("soak", &words("--b --a"), ["--a", "--b", "--c"]).expect("known flags");
        assert_eq!(given, [true, true, false]);
    }
}
