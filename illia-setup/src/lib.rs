//! libtorch for illia: found where the user says it is, or downloaded into the user's cache.
//!
//! `cargo illia` and the `cargo xtask` of illia's repository share it. It has no dependencies, so that either compiles in
//! seconds; what needs a network, a hash or an archive is left to the Python that the download needs anyway.

#![deny(missing_docs)]

mod cache;
mod platform;
mod python;
mod wheels;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use cache::{folder as cache_folder, libtorch, model, place};
pub use platform::{PLATFORMS, Platform};
pub use python::Python;
pub use wheels::{TORCH_VERSION, Wheel};

/// Why something could not be set up, and the way out: sentences for the user.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// What setting up gives, or why it could not.
pub type Result<T> = std::result::Result<T, Error>;

/// The libtorch that the user's variables name: Python's with `LIBTORCH_USE_PYTORCH`, else `given`, the value of `LIBTORCH`.
/// None where they name none.
///
/// # Errors
/// A folder that is no libtorch, or one of another version; torch-sys would find out only after minutes.
pub fn of_the_user(given: Option<PathBuf>) -> Result<Option<PathBuf>> {
    if is_set("LIBTORCH_USE_PYTORCH") {
        return python::torch_folder().map(Some);
    }
    if let Some(folder) = &given {
        check_given(folder)?;
    }
    Ok(given)
}

/// Whether the environment has the variable.
pub fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

/// torch-sys compiles C++; without a compiler its message comes late and is long.
///
/// # Errors
/// Where there is none.
pub fn has_compiler() -> Result<()> {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    // CXX may carry a wrapper or arguments.
    let mut words = compiler.split_whitespace();
    let program = words.next().unwrap_or("c++");
    if cfg!(windows) || output(Command::new(program).args(words).arg("--version")).is_some() {
        return Ok(());
    }
    Err(Error::new(format!(
        "there is no C++ compiler `{compiler}`: install one (Debian, Ubuntu: apt install g++; Fedora: dnf install \
         gcc-c++; macOS: xcode-select --install) or set CXX"
    )))
}

/// A folder that the user names must be what tch needs.
fn check_given(folder: &Path) -> Result<()> {
    let shown = folder.display();
    if !folder.is_absolute() {
        return Err(Error::new(format!(
            "LIBTORCH is `{shown}`, but it must be an absolute path: set it so, or unset it to have libtorch downloaded"
        )));
    }
    if is_set("LIBTORCH_LIB") || is_set("LIBTORCH_INCLUDE") {
        return Ok(());
    }
    if !folder.join("lib").is_dir() || !folder.join("include").is_dir() {
        return Err(Error::new(format!(
            "LIBTORCH is `{shown}`, which has no folders lib and include: correct it, or unset it to have libtorch \
             downloaded"
        )));
    }
    match version(folder) {
        Some(found) if found != TORCH_VERSION && !is_set("LIBTORCH_BYPASS_VERSION_CHECK") => {
            Err(Error::new(format!(
                "LIBTORCH is `{shown}`, which is version {found}; illia needs {TORCH_VERSION}: unset LIBTORCH to have it \
             downloaded, or set LIBTORCH_BYPASS_VERSION_CHECK=1 to try anyway"
            )))
        }
        _ => Ok(()),
    }
}

/// libtorch's version, as its headers state it.
pub fn version(folder: &Path) -> Option<String> {
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
pub fn is_whole(folder: &Path, cuda: bool) -> bool {
    let libraries = folder.join("lib");
    let has = |name: &str| libraries.join(name).exists();
    let cpu = has("libtorch_cpu.so") || has("libtorch_cpu.dylib") || has("torch_cpu.dll");
    cpu && (!cuda || has("libtorch_cuda.so")) && version(folder).as_deref() == Some(TORCH_VERSION)
}

/// What the program prints, if it runs and succeeds.
pub fn output(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
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
        let error = check_given(&folder).expect_err("an empty folder is no libtorch");
        fs::remove_dir_all(&folder).ok();
        assert!(error.to_string().contains("illia-given"), "{error}");
        assert!(check_given(Path::new("relative/folder")).is_err());
    }
}
