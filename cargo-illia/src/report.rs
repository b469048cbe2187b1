//! `cargo illia report`: the library's own report, by a small program in the cache.
//!
//! What is measured and drawn is illia's, which stands on libtorch, and this program must not: it is what gets libtorch. So the
//! first report compiles a program of a page (`templates/report`), and those after it only run it.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use crate::project::{self, REPORT};
use crate::{Failure, Result};

/// `cargo illia report`.
pub fn command(table: &Path, report: &Path) -> Result<ExitCode> {
    // Before minutes are spent on it.
    fs::File::open(table).map_err(|e| Failure(format!("cannot read {}: {e}", table.display())))?;
    let folder = illia_setup::cache_folder()?.join(concat!("report-", env!("CARGO_PKG_VERSION")));
    let program = folder.join("target/release/report").with_extension(std::env::consts::EXE_EXTENSION);
    let libtorch = crate::libtorch(false)?;
    project::write(&REPORT, &folder, "report", &project::dependency(None)?, &libtorch)?;
    if !program.is_file() {
        eprintln!("Compiling the program that draws reports (minutes, once)");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // In its own folder, where its configuration is; another target folder of the user's would hide the program.
    let mut build = Command::new(cargo);
    build.args(["build", "--release", "--quiet", "--target-dir", "target"]).current_dir(&folder);
    if !build.status().is_ok_and(|status| status.success()) {
        return Err(Failure(
            "the program that draws reports does not compile: see above, and `cargo illia doctor`".into(),
        ));
    }
    let mut draw = Command::new(&program);
    let status = draw.args([table, report]).status();
    let status = status.map_err(|e| Failure(format!("cannot run {}: {e}", program.display())))?;
    if status.success() {
        println!("{}", report.display());
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}
