//! Models and training runs in files, written whole or not at all, and checked before anything is changed.
//!
//! A file is a safetensors file, which any tool for that reads: the variables under their own names
//! (`conv1.weight.mu`), and in its header a format version, an architecture fingerprint, the priors, and a checksum.
//! [`save`] and [`load`] are for a model alone; [`Fit::checkpoints`](crate::Fit::checkpoints) keeps whole runs, to go on
//! from after anything; [`load_state_dict`] reads what the Python library illia wrote,
//! and [`Names`] the published weights of other makers.
//!
//! ```
//! use illia_core::nn::{Linear, LinearConfig};
//! use illia_core::checkpoint;
//! use tch::{Device, nn};
//!
//! let path = std::env::temp_dir().join(format!("illia-doc-{}.safetensors", std::process::id()));
//! let vs = nn::VarStore::new(Device::Cpu);
//! let mut net = Linear::new(vs.root(), 5, 3, LinearConfig::default());
//! checkpoint::save(&net, &vs, &path)?;
//! checkpoint::load(&mut net, &vs, &path)?;
//! # std::fs::remove_file(&path).ok();
//! # Ok::<(), illia_core::Error>(())
//! ```

pub(crate) mod file;
mod folder;
mod model;
mod state_dict;
#[cfg(test)]
mod tests;
pub(crate) mod training;
mod weights;

pub use folder::Checkpoints;
pub use state_dict::load_state_dict;
pub use weights::Names;

use std::path::Path;

use tch::nn::VarStore;

use crate::error::Result;
use crate::module::BayesianModule;

/// Writes the model, whose variables are `vs`'s, to `path`: variables and priors.
///
/// ```
/// use illia_core::{checkpoint, nn::Linear};
/// use tch::{Device, nn::VarStore};
///
/// let path = std::env::temp_dir().join(format!("illia-doc-save-{}.safetensors", std::process::id()));
/// let vs = VarStore::new(Device::Cpu);
/// let mut net = Linear::new(vs.root() / "fc", 3, 2, Default::default());
/// checkpoint::save(&net, &vs, &path)?;
/// checkpoint::load(&mut net, &vs, &path)?;
/// # std::fs::remove_file(path).ok();
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`](crate::Error::Io) where the file can't be written; what stood there before still does.
pub fn save<M: BayesianModule + ?Sized>(net: &M, vs: &VarStore, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let _span = tracing::debug_span!(target: "illia::checkpoint", "save", path = %path.display()).entered();
    let (tensors, state) = model::contents(net, vs);
    file::write(path, &tensors, &model::json(&state)?)
}

/// Gives the model the variables and priors that [`save`] or a run's checkpoint wrote. A frozen model is unfrozen, since the
/// draw that it held was another's.
///
/// The file's kinds must be the model's; the device may be another. The newest file of a run ([`Checkpoints`]) holds the
/// weights of the last step; those of the best epoch, which [`Fit`](crate::Fit) ends with, are for resuming only.
///
/// # Errors
/// [`Error::Checkpoint`](crate::Error::Checkpoint) for a file that is missing, damaged, of another architecture (with
/// the first difference) or of a newer format; then nothing has been changed.
pub fn load<M: BayesianModule + ?Sized>(net: &mut M, vs: &VarStore, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let _span = tracing::debug_span!(target: "illia::checkpoint", "load", path = %path.display()).entered();
    let (tensors, _) = model::contents(net, vs);
    let file = file::File::read(path, &|name| model::want(&tensors, name))?;
    let state = model::state(path, &file)?;
    model::check(path, net, vs, &file, &state)?;
    net.unfreeze();
    model::apply(net, vs, &file, &state)
}

/// What a model's architecture comes to: eight hexadecimal digits of its variables' names, kinds and shapes and its
/// posteriors. Files carry it.
pub fn fingerprint<M: BayesianModule + ?Sized>(net: &M, vs: &VarStore) -> String {
    model::contents(net, vs).1.fingerprint
}
