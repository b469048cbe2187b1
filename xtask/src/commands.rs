//! `demo`, `bench` and `soak`: set up, then one cargo command.

use std::process::Command;

use crate::process::{cargo, root, run};
use crate::{Failure, Result, setup};

/// `cargo xtask demo [ARGUMENT …]`: the main job, with the arguments of the program.
///
/// It runs in the dev profile: that shares the compiled libtorch bindings with `cargo xtask test`, and illia's own
/// arithmetic is optimised there as well.
pub fn demo(arguments: &[String]) -> Result<()> {
    has("examples/digits/main.rs", "the demo is not part of this checkout")?;
    setup::ensure(false)?;
    run(cargo().args(["run", "--example", "digits", "--"]).args(arguments))
}

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

fn quietly(command: &mut Command, quiet: bool) -> &mut Command {
    if quiet { command.arg("--quiet") } else { command }
}

fn has(file: &str, missing: &str) -> Result<()> {
    if root().join(file).is_file() {
        return Ok(());
    }
    Err(Failure::new(format!("{missing} yet: there is no {file}")))
}
