//! Set-up: libtorch 2.13.0 where `.cargo/config.toml` says it is, in `.libtorch`.
//!
//! In this order: Python's torch if `LIBTORCH_USE_PYTORCH` is set; the folder in `LIBTORCH`; what `.libtorch` already
//! shows; the user's cache folder; a download into that cache. `.libtorch` is a symbolic link in all cases, so that
//! rust-analyzer and a shell without these variables work as well.

mod cache;
mod python;
mod wheels;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{cargo, output, root, run};
use crate::{Failure, Result};
use wheels::TORCH_VERSION;

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
    cache::model()
}

/// Makes libtorch available to every cargo command in the checkout, and says where it is.
pub fn ensure(cuda: bool) -> Result<PathBuf> {
    has_compiler()?;
    let link = root().join(".libtorch");
    if set("LIBTORCH_USE_PYTORCH") {
        let folder = python::torch_folder()?;
        return show(&folder, &link);
    }
    // Cargo itself sets LIBTORCH from .cargo/config.toml; only another value is the user's.
    match std::env::var_os("LIBTORCH").map(PathBuf::from).filter(|path| *path != link) {
        Some(folder) => {
            check_given(&folder)?;
            show(&folder, &link)
        }
        // torch-sys looks nowhere else then.
        None if set("LIBTORCH_LIB") && set("LIBTORCH_INCLUDE") => Ok(link),
        None if is_whole(&link, cuda) => Ok(link.canonicalize().unwrap_or(link)),
        None => {
            let folder = cache::libtorch(cuda)?;
            point(&link, &folder)?;
            Ok(folder)
        }
    }
}

fn set(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

/// torch-sys compiles C++; without a compiler its message comes late and is long.
fn has_compiler() -> Result<()> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    // CXX may carry a wrapper or arguments.
    let mut words = compiler.split_whitespace();
    let program = words.next().unwrap_or("c++");
    if cfg!(windows) || output(Command::new(program).args(words).arg("--version")).is_some() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "there is no C++ compiler `{compiler}`: install one (Debian, Ubuntu: apt install g++; Fedora: dnf install \
         gcc-c++) or set CXX"
    )))
}

/// A folder that the user names must be what tch needs; torch-sys would find out only after minutes.
fn check_given(folder: &Path) -> Result<()> {
    let shown = folder.display();
    if !folder.is_absolute() {
        return Err(Failure::new(format!(
            "LIBTORCH is `{shown}`, but it must be an absolute path: set it so, or unset it to have libtorch downloaded"
        )));
    }
    if set("LIBTORCH_LIB") || set("LIBTORCH_INCLUDE") {
        return Ok(());
    }
    if !folder.join("lib").is_dir() || !folder.join("include").is_dir() {
        return Err(Failure::new(format!(
            "LIBTORCH is `{shown}`, which has no folders lib and include: correct it, or unset it to have libtorch \
             downloaded"
        )));
    }
    match version(folder) {
        Some(found) if found != TORCH_VERSION && !set("LIBTORCH_BYPASS_VERSION_CHECK") => {
            Err(Failure::new(format!(
                "LIBTORCH is `{shown}`, which is version {found}; illia needs {TORCH_VERSION}: unset LIBTORCH to have it \
             downloaded, or set LIBTORCH_BYPASS_VERSION_CHECK=1 to try anyway"
            )))
        }
        _ => Ok(()),
    }
}

/// libtorch's version, as its headers state it.
fn version(folder: &Path) -> Option<String> {
    let headers = ["include/torch/headeronly/version.h", "include/torch/csrc/api/include/torch/version.h"];
    headers.iter().find_map(|header| version_in(&fs::read_to_string(folder.join(header)).ok()?))
}

fn version_in(header: &str) -> Option<String> {
    let part = |name: &str| {
        let line = header
            .lines()
            .find_map(|l| l.trim().strip_prefix("#define TORCH_VERSION_")?.strip_prefix(name))?;
        line.trim().parse::<u32>().ok()
    };
    Some(format!("{}.{}.{}", part("MAJOR ")?, part("MINOR ")?, part("PATCH ")?))
}

/// Whether a folder holds a libtorch of the right version (and with CUDA, if that is asked for).
fn is_whole(folder: &Path, cuda: bool) -> bool {
    let libraries = folder.join("lib");
    let has = |name: &str| libraries.join(name).exists();
    let cpu = has("libtorch_cpu.so") || has("libtorch_cpu.dylib") || has("torch_cpu.dll");
    cpu && (!cuda || has("libtorch_cuda.so")) && version(folder).as_deref() == Some(TORCH_VERSION)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_header() {
        let header =
            "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 13\n#define TORCH_VERSION_PATCH 0\n";
        assert_eq!(version_in(header).as_deref(), Some("2.13.0"));
        assert_eq!(version_in("#define TORCH_VERSION_MAJOR 2\n"), None);
    }

    #[test]
    fn a_given_folder_without_libraries_is_refused_with_its_name() {
        let folder = std::env::temp_dir().join(format!("illia-given-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        let failure = check_given(&folder).expect_err("an empty folder is no libtorch");
        fs::remove_dir_all(&folder).ok();
        assert!(failure.sentence.contains("illia-given"), "{}", failure.sentence);
        assert!(check_given(Path::new("relative/folder")).is_err());
    }
}
