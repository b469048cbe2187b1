//! Running other programs, and where things are.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, Result};

/// The root of the checkout.
pub fn root() -> PathBuf {
    // Cargo tells it at run time; the compiled-in path is for an xtask that is run by hand.
    let manifest =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let manifest = PathBuf::from(manifest);
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// A cargo to be run in the checkout's root.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(root());
    command
}

/// Runs to the end, with this program's standard streams; what fails has said why itself.
pub fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|e| Failure::new(format!("cannot run {name}: {e}")))?;
    if status.success() { Ok(()) } else { Err(Failure::passed_on(status.code())) }
}
