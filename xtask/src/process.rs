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

/// A build that shares all dependencies with the tests: of fewer packages, some would have other features and be compiled anew.
pub const BUILD: [&str; 2] = ["build", "--workspace"];

/// An example that [`BUILD`] has made, to be run in the checkout's root.
pub fn built_example(name: &str) -> Result<Command> {
    // Cargo runs xtask out of the folder in which it puts the examples as well.
    let here =
        std::env::current_exe().map_err(|e| Failure::new(format!("cannot tell where xtask is: {e}")))?;
    let program = here.with_file_name("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION);
    let mut command = Command::new(program);
    command.current_dir(root());
    if cfg!(windows) {
        // A program does not carry the way to its libraries there.
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(root().join(".libtorch/lib")).chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).map_err(|e| Failure::new(format!("PATH: {e}")))?;
        command.env("PATH", path);
    }
    Ok(command)
}
