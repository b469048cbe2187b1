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
    let libtorch = crate::libtorch(false)?;
    if !folder.exists() {
        eprintln!("Compiling the program that draws reports (minutes, once)");
    }
    project::write(&REPORT, &folder, "report", &project::dependency(None)?, &libtorch)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut draw = Command::new(cargo);
    // In its own folder, where its configuration is.
    draw.args(["run", "--release", "--quiet", "--"]).current_dir(&folder);
    draw.args([std::path::absolute(table)?, std::path::absolute(report)?]);
    let status = draw.status().map_err(|e| Failure(format!("cannot run cargo: {e}")))?;
    if !status.success() {
        // It has said why.
        return Ok(ExitCode::FAILURE);
    }
    println!("{}", report.display());
    Ok(ExitCode::SUCCESS)
}
