//! The Python that downloads and unpacks, and Python's own torch.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::wheels::{TORCH_VERSION, Wheel};
use crate::{Error, Result, output};

const SCRIPT: &str = include_str!("wheels.py");

/// A Python of version 3.8 or later.
#[derive(Debug)]
pub struct Python {
    program: &'static str,
}

/// The way out that every failure here ends with.
pub(crate) const OR: &str = "or set LIBTORCH to a libtorch 2.13.0 of your own";

impl Python {
    /// The first that there is.
    ///
    /// # Errors
    /// Where there is none.
    pub fn find() -> Result<Self> {
        let test = "import sys; assert sys.version_info >= (3, 8)";
        let found = programs().into_iter().find(|p| output(Command::new(p).args(["-c", test])).is_some());
        let sentence = || {
            format!(
                "libtorch is downloaded with Python's pip, but there is no Python 3.8 or later: install python3 with pip, {OR}"
            )
        };
        Ok(Self { program: found.ok_or_else(|| Error::new(sentence()))? })
    }

    fn script(&self, verb: &str) -> Command {
        let mut command = Command::new(self.program);
        // Isolated: the user's PYTHONPATH and the like play no part.
        command.args(["-I", "-c", SCRIPT, verb]);
        command
    }

    /// Free bytes on the disk that holds the folder.
    pub fn free_space(&self, folder: &Path) -> Option<u64> {
        output(self.script("free").arg(folder))?.parse().ok()
    }

    /// Whether the file is there and is the wheel that was pinned.
    pub(crate) fn is_genuine(&self, file: &Path, wheel: &Wheel) -> bool {
        output(self.script("check").arg(file).arg(wheel.sha256)).is_some()
    }

    /// Unpacks the parts of the wheels that libtorch consists of.
    pub(crate) fn unpack(&self, folder: &Path, cuda: bool, files: &[PathBuf]) -> Result<()> {
        let kind = if cuda { "cuda" } else { "cpu" };
        let status = self.script("unpack").arg(folder).arg(kind).args(files).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            _ => Err(Error::new(format!(
                "could not unpack into {}: see above (is the disk full?), then run this again",
                folder.display()
            ))),
        }
    }

    /// Unpacks the sentence encoder.
    pub(crate) fn unpack_model(&self, folder: &Path, file: &Path) -> Result<()> {
        match self.script("model").arg(folder).arg(file).status() {
            Ok(status) if status.success() => Ok(()),
            _ => Err(Error::new(format!(
                "could not unpack the encoder into {}: is the disk full? Then run this again",
                folder.display()
            ))),
        }
    }

    /// pip with its first arguments: this Python's module, or a pip of its own.
    ///
    /// # Errors
    /// Where there is none.
    pub fn pip(&self) -> Result<Command> {
        let own: [&[&str]; 3] = [&[self.program, "-m", "pip"], &["pip3"], &["pip"]];
        let found = own.into_iter().find(|words| output(words_of(words).arg("--version")).is_some());
        found.map(words_of).ok_or_else(|| {
            let python = self.program;
            Error::new(format!(
                "libtorch is downloaded with Python's pip, which {python} lacks: install it (Debian, Ubuntu: apt \
                 install python3-pip; elsewhere: {python} -m ensurepip), {OR}"
            ))
        })
    }
}

fn words_of(words: &[&str]) -> Command {
    let (program, rest) = words.split_first().map_or(("pip", &[] as &[&str]), |(p, rest)| (*p, rest));
    let mut command = Command::new(program);
    command.args(rest);
    command
}

/// In the order of torch-sys, so that both mean the same Python.
fn programs() -> Vec<&'static str> {
    if std::env::var_os("VIRTUAL_ENV").is_some() {
        vec!["python", "python3"]
    } else {
        vec!["python3", "python"]
    }
}

/// The folder of the torch that `LIBTORCH_USE_PYTORCH` asks for.
pub(crate) fn torch_folder() -> Result<PathBuf> {
    let program = programs().first().copied().unwrap_or("python3");
    let print =
        "import os, torch; print(torch.__version__.split('+')[0]); print(os.path.dirname(torch.__file__))";
    let sentence = |what: String| {
        Error::new(format!(
            "LIBTORCH_USE_PYTORCH is set, but {what}: install torch {TORCH_VERSION} there, or unset the variable to \
             have libtorch downloaded"
        ))
    };
    let printed = output(Command::new(program).args(["-c", print]))
        .ok_or_else(|| sentence(format!("`import torch` fails in {program}")))?;
    let (version, folder) = printed.split_once('\n').unwrap_or((&printed, ""));
    if version != TORCH_VERSION && std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_none() {
        return Err(sentence(format!("the torch of {program} is version {version}")));
    }
    Ok(PathBuf::from(folder))
}
