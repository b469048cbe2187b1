//! Set-up: libtorch 2.13.0 where `.cargo/config.toml` says it is, in `.libtorch`.
//!
//! In this order: Python's torch if `LIBTORCH_USE_PYTORCH` is set; the folder in `LIBTORCH`; what `.libtorch` already
//! shows; the user's cache folder; a download into that cache. `.libtorch` is a symbolic link in all cases, so that
//! rust-analyzer and a shell without these variables work as well.

use std::fs;
use std::path::{Path, PathBuf};

use illia_setup::{Platform, TORCH_VERSION, is_set, is_whole};

use crate::process::{cargo, root, run};
use crate::{Failure, Result};

/// `cargo xtask setup [--cuda]`.
pub fn command(arguments: &[String]) -> Result<()> {
    let [cuda] = crate::flags("setup", arguments, ["--cuda"])?;
    let folder = ensure(cuda)?;
    println!("libtorch {TORCH_VERSION} is in {}", folder.display());
    println!("Plain cargo build, test, run, bench and doc work in this checkout now.");
    Ok(())
}

/// The folder of the sentence encoder, downloaded if it is not there.
pub fn model() -> Result<PathBuf> {
    Ok(illia_setup::model()?)
}

/// Makes libtorch available to every cargo command in the checkout, and says where it is.
pub fn ensure(cuda: bool) -> Result<PathBuf> {
    illia_setup::has_compiler()?;
    let link = root().join(".libtorch");
    // Cargo itself sets LIBTORCH from .cargo/config.toml; only another value is the user's.
    let given = std::env::var_os("LIBTORCH").map(PathBuf::from).filter(|path| *path != link);
    match illia_setup::of_the_user(given)? {
        Some(folder) => show(&folder, &link),
        // torch-sys looks nowhere else then.
        None if is_set("LIBTORCH_LIB") && is_set("LIBTORCH_INCLUDE") => Ok(link),
        None if is_whole(&link, cuda) => Ok(link.canonicalize().unwrap_or(link)),
        None => {
            let folder = illia_setup::libtorch(Platform::here()?, cuda)?;
            point(&link, &folder)?;
            Ok(folder)
        }
    }
}

/// Shows a libtorch of the user's own to commands that don't see the variables. Where that is impossible (Windows
/// without the right to make links) it is no failure: the variables work.
fn show(folder: &Path, link: &Path) -> Result<PathBuf> {
    if !is_whole(link, false) {
        point(link, folder).ok();
    }
    Ok(folder.to_path_buf())
}

/// Lets `.libtorch` point to the folder: whole or not at all, also beside another set-up.
fn point(link: &Path, folder: &Path) -> Result<()> {
    let before = fs::read_link(link).ok();
    if before.as_deref() == Some(folder) {
        return Ok(());
    }
    if before.is_none() && link.exists() {
        return Err(Failure::new(format!(
            "{} is there and is no link: move it away (or set LIBTORCH to it) and run this again",
            link.display()
        )));
    }
    let fresh = link.with_file_name(format!(".libtorch.{}", std::process::id()));
    fs::remove_file(&fresh).ok();
    symlink(folder, &fresh).and_then(|()| fs::rename(&fresh, link)).map_err(|e| {
        fs::remove_file(&fresh).ok();
        Failure::new(format!("cannot make the link {} to {}: {e}", link.display(), folder.display()))
    })?;
    if before.is_some() && root().join("target").is_dir() {
        // torch-sys looks at the libraries only when it is compiled.
        run(cargo().args(["clean", "--quiet", "--package", "torch-sys"])).ok();
    }
    Ok(())
}

#[cfg(unix)]
fn symlink(folder: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(folder, link)
}

#[cfg(windows)]
fn symlink(folder: &Path, link: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(folder, link)
}
