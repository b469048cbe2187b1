//! A folder of a run's checkpoints: the newest few are kept.

use std::fs;
use std::path::{Path, PathBuf};

use super::file::unusable;
use crate::error::{Error, Result, Unusable};
use crate::files::TEMPORARY;

/// Where a run's checkpoints are kept, how often one is made, and how many stay.
///
/// ```no_run
/// # use illia_core::{Fit, checkpoint::Checkpoints, likelihood::Categorical};
/// let fit = Fit::new(Categorical).checkpoints(Checkpoints::new("runs/lenet").every_steps(500)).resume(true);
/// ```
#[derive(Debug, Clone)]
pub struct Checkpoints {
    folder: PathBuf,
    every: Every,
    keep: usize,
}

#[derive(Debug, Clone, Copy)]
enum Every {
    Epochs(usize),
    Steps(usize),
}

impl Checkpoints {
    /// In `folder`, which is made if it is not there: one after each epoch, the newest three kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Checkpoints { folder: folder.into(), every: Every::Epochs(1), keep: 3 }
    }

    /// One after every so many epochs.
    #[must_use]
    pub fn every_epochs(mut self, epochs: usize) -> Self {
        self.every = Every::Epochs(epochs);
        self
    }

    /// One after every so many steps, within epochs too.
    #[must_use]
    pub fn every_steps(mut self, steps: usize) -> Self {
        self.every = Every::Steps(steps);
        self
    }

    /// How many of the newest are kept.
    #[must_use]
    pub fn keep(mut self, newest: usize) -> Self {
        self.keep = newest;
        self
    }

    /// The newest checkpoint's path, if there is one.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder can't be read.
    pub fn latest(&self) -> Result<Option<PathBuf>> {
        Ok(self.list()?.pop())
    }

    pub(crate) fn validate(&self) -> Result<()> {
        let (Every::Epochs(every) | Every::Steps(every)) = self.every;
        for (name, value) in [("checkpoint interval", every), ("checkpoints kept", self.keep)] {
            if value == 0 {
                return Err(Error::configuration(name, value, "at least 1"));
            }
        }
        Ok(())
    }

    /// Makes the folder, and clears away what a run that was killed had begun to write.
    pub(crate) fn prepare(&self) -> Result<()> {
        fs::create_dir_all(&self.folder).map_err(|e| Error::io(&self.folder, e))?;
        for name in self.names()?.iter().filter(|name| name.starts_with('.') && name.ends_with(TEMPORARY)) {
            let _ = fs::remove_file(self.folder.join(name));
        }
        Ok(())
    }

    pub(crate) fn due_after_step(&self, step: usize) -> bool {
        matches!(self.every, Every::Steps(every) if step.is_multiple_of(every))
    }

    pub(crate) fn due_after_epoch(&self, epoch: usize) -> bool {
        matches!(self.every, Every::Epochs(every) if epoch.is_multiple_of(every))
    }

    pub(crate) fn path(&self, step: usize) -> PathBuf {
        self.folder.join(format!("{PREFIX}{step:012}{SUFFIX}"))
    }

    /// The checkpoints' paths, the newest last.
    pub(crate) fn list(&self) -> Result<Vec<PathBuf>> {
        let ours = |name: &String| {
            let step = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
            step.is_some_and(|step| step.len() == 12 && step.bytes().all(|b| b.is_ascii_digit()))
        };
        let mut names: Vec<String> = self.names()?.into_iter().filter(ours).collect();
        names.sort();
        Ok(names.into_iter().map(|name| self.folder.join(name)).collect())
    }

    /// Removes all but the newest.
    pub(crate) fn prune(&self) -> Result<()> {
        let all = self.list()?;
        for old in all.iter().take(all.len().saturating_sub(self.keep)) {
            fs::remove_file(old).map_err(|e| Error::io(old, e))?;
        }
        Ok(())
    }

    /// The folder is another run's.
    pub(crate) fn taken(&self) -> Error {
        let reason = "it holds another run's checkpoints: resume that run, or choose another folder";
        unusable(&self.folder, Unusable::Architecture(reason.to_owned()))
    }

    fn names(&self) -> Result<Vec<String>> {
        let io = |e| Error::io(&self.folder, e);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(io(e)),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry.map_err(io)?.file_name().to_string_lossy().into_owned());
        }
        Ok(names)
    }

    /// The folder's path.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

const PREFIX: &str = "step-";
const SUFFIX: &str = ".safetensors";
