//! `demo`, `intents`, `bench` and `soak`: set up, then one cargo command. `book`: mdbook alone.

use std::process::Command;

use illia_setup::output;

use crate::process::{BUILD, built_example, cargo, root, run};
use crate::{Failure, Result, setup};

/// `cargo xtask demo [ARGUMENT …]`: the main job, with the arguments of the program.
///
/// It is built as the tests are, in the dev profile: that shares all that is compiled with `cargo xtask test`, and illia's
/// own arithmetic is optimised there as well.
pub fn demo(arguments: &[String]) -> Result<()> {
    has("examples/digits/main.rs", "the demo is not part of this checkout")?;
    setup::ensure(false)?;
    run(cargo().args(BUILD).args(["--example", "digits"]))?;
    run(built_example("digits")?.args(arguments))
}

/// `cargo xtask intents FILE [ARGUMENT …]`: the intent classifier on CLINC150's file, with the program's other arguments.
pub fn intents(arguments: &[String]) -> Result<()> {
    has("examples/intents/main.rs", "the intent classifier is not part of this checkout")?;
    let (data, rest) = match arguments.split_first() {
        Some((file, rest)) if !file.starts_with('-') => (file, rest),
        Some((flag, _)) if flag == "--help" || flag == "-h" => {
            print!("{INTENTS}");
            return Ok(());
        }
        _ => return Err(Failure::usage(format!("`intents` wants CLINC150's file first\n\n{INTENTS}"))),
    };
    setup::ensure(false)?;
    let model = setup::model()?;
    let program = ["run", "--release", "--example", "intents", "--", "--data", data.as_str(), "--model"];
    run(cargo().args(program).arg(model).args(rest))
}

const INTENTS: &str = "\
usage: cargo xtask intents FILE [--ask [--rate R]] [--json]

Trains and measures the intent classifier (docs/intents.md) on FILE, the `data_full.json` of CLINC150 (Larson et al. 2019, CC BY
3.0), which its authors publish as clinc/oos-eval on GitHub. The encoder is downloaded once.
";

/// `cargo xtask bench [--json] [WORKLOAD …]`.
pub fn bench(arguments: &[String]) -> Result<()> {
    has("benches/workloads.rs", "the benchmarks are not part of this checkout")?;
    setup::ensure(false)?;
    let quiet = arguments.iter().any(|a| a == "--json");
    run(quietly(cargo().arg("bench"), quiet).args(["--bench", "workloads", "--"]).args(arguments))
}

/// `cargo xtask soak [--quick]`.
pub fn soak(arguments: &[String]) -> Result<()> {
    crate::flags("soak", arguments, ["--quick"])?;
    has("examples/soak/main.rs", "the soak program is not part of this checkout")?;
    setup::ensure(false)?;
    run(cargo().args(["run", "--release", "--example", "soak", "--"]).args(arguments))
}

/// `cargo xtask book [ARGUMENT …]`: `docs` as a book in `target/book`, with mdbook's own arguments.
pub fn book(arguments: &[String]) -> Result<()> {
    has("book.toml", "the book is not part of this checkout")?;
    if output(Command::new("mdbook").arg("--version")).is_none() {
        return Err(Failure::new("there is no mdbook: `cargo install mdbook --version ^0.5` gets it"));
    }
    run(Command::new("mdbook").arg("build").arg(root()).args(arguments))
}

fn quietly(command: &mut Command, quiet: bool) -> &mut Command {
    if quiet { command.arg("--quiet") } else { command }
}

fn has(file: &str, missing: &str) -> Result<()> {
    if root().join(file).is_file() {
        return Ok(());
    }
    Err(Failure::new(format!("{missing} yet: there is no {file}")))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    fn programs(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        entries
            .flat_map(|path| if path.is_dir() { programs(&path) } else { vec![path] })
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .collect()
    }

    #[test]
    fn no_file_of_an_example_is_long() {
        for path in programs(&root().join("examples")) {
            let lines = fs::read_to_string(&path).expect("a program").lines().count();
            assert!(lines <= 200, "{} has {lines} lines", path.display());
        }
    }

    /// Of 24 lines with 80 columns.
    #[test]
    fn the_help_of_an_example_fits_a_screen() {
        let mut found = 0;
        for path in programs(&root().join("examples")) {
            let text = fs::read_to_string(&path).expect("a program");
            let Some((_, help)) = text.split_once("const HELP: &str = \"\\\n") else { continue };
            let (help, _) = help.split_once("\";").expect("the text ends");
            let rows: usize = help.lines().map(|line| line.chars().count().div_ceil(80).max(1)).sum();
            assert!(rows <= 24, "{} takes {rows} rows", path.display());
            found += 1;
        }
        assert!(found > 10, "{found} texts were found");
    }
}
