//! `cargo xtask test`: everything that is checked before a change lands, in stages, each timed.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use crate::process::{BUILD, built_example, cargo, root};
use crate::{Failure, Result, setup};

struct Stage {
    name: String,
    took: Duration,
    passed: bool,
}

/// Runs one stage after the other, whatever became of the one before.
#[derive(Default)]
struct Stages {
    done: Vec<Stage>,
}

impl Stages {
    fn run(&mut self, name: &str, command: &mut Command) {
        println!("\n== {name}");
        let start = Instant::now();
        let passed = command.status().is_ok_and(|status: ExitStatus| status.success());
        let took = start.elapsed();
        println!("== {name}: {} ({:.1} s)", verdict(passed), took.as_secs_f64());
        self.done.push(Stage { name: name.to_owned(), took, passed });
    }

    /// A table of all stages; a failure that names those that failed.
    fn summary(&self) -> Result<()> {
        let width = self.done.iter().map(|stage| stage.name.chars().count()).max().unwrap_or(0);
        println!("\nsummary");
        for Stage { name, took, passed } in &self.done {
            println!("  {name:<width$}  {:>7.1} s  {}", took.as_secs_f64(), verdict(*passed));
        }
        let total: Duration = self.done.iter().map(|stage| stage.took).sum();
        println!("  {:<width$}  {:>7.1} s", "total", total.as_secs_f64());
        let failed: Vec<_> = self.done.iter().filter(|s| !s.passed).map(|s| s.name.as_str()).collect();
        if failed.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "{} of {} stages failed: {}",
            failed.len(),
            self.done.len(),
            failed.join(", ")
        )))
    }
}

fn verdict(passed: bool) -> &'static str {
    if passed { "passed" } else { "FAILED" }
}

/// `cargo xtask test`.
pub fn command(arguments: &[String]) -> Result<()> {
    let [quick] = crate::flags("test", arguments, ["--quick"])?;
    let start = Instant::now();
    setup::ensure(false)?;
    let mut stages = Stages::default();
    stages.done.push(Stage { name: "set-up".to_owned(), took: start.elapsed(), passed: true });

    stages.run("format", cargo().args(["fmt", "--all", "--check"]));
    stages.run("clippy", cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]));
    if quick {
        // Thousands of broken programs take as long as all the rest.
        let tests = ["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--", "--skip", "mutations"];
        stages.run("unit tests", one_thread_each(cargo().args(tests)));
        return stages.summary();
    }
    // Not --all-targets: that would run the benchmarks, and link a test program for each example that has no tests.
    let tests = ["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests"];
    stages.run("tests", one_thread_each(cargo().args(tests)));
    stages.run("doctests", one_thread_each(cargo().args(["test", "--workspace", "--no-fail-fast", "--doc"])));
    let refused = root().join("tests/ui-tests");
    if refused.join("Cargo.toml").is_file() {
        stages.run("compile-fail tests", cargo().args(["test", "--no-fail-fast"]).current_dir(&refused));
    }
    let programs = programs(&root().join("examples/programs"));
    let each = programs.iter().flat_map(|program| ["--example", program.as_str()]);
    stages.run("programs", cargo().args(BUILD).args(each));
    for program in &programs {
        stages.run(&format!("program {program}"), &mut built_example(program)?);
    }
    stages.summary()
}

/// One thread of libtorch's for each test: as many tests as there are cores run at once, and more threads would wait for each other.
fn one_thread_each(tests: &mut Command) -> &mut Command {
    tests.env("OMP_NUM_THREADS", "1")
}

/// The example programs in a folder, by name.
fn programs(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut names: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_stage_does_not_stop_the_next_and_is_named_at_the_end() {
        let mut stages = Stages::default();
        stages.run("no such program", &mut Command::new("illia-no-such-program"));
        stages.run("cargo", cargo().arg("--version"));
        let verdicts: Vec<_> = stages.done.iter().map(|stage| stage.passed).collect();
        assert_eq!(verdicts, [false, true]);
        let failure = stages.summary().expect_err("one stage failed");
        assert_eq!(failure.sentence, "1 of 2 stages failed: no such program");
    }

    #[test]
    fn programs_are_the_folders_rust_files_in_order() {
        let names = programs(&root().join("xtask/src"));
        assert_eq!(names, ["check", "commands", "main", "packages", "process", "release", "semver", "setup"]);
    }
}
