//! A whole run in a file: the model, what else the run remembers as named tensors and numbers, and the noise.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::nn::VarStore;
use tch::{Kind, Tensor};

use super::file::{self, File, unusable};
use super::model::{self, ModelState};
use crate::error::{Error, Result, Unusable};
use crate::module::BayesianModule;
use crate::noise::{self, State};

/// What a run was started with, by the names that a sentence gives them.
pub(crate) type Settings = BTreeMap<String, String>;

/// What a run keeps beside its model.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// By `what/variable`, each of its variable's shape: `adam.mean/fc.weight.mu`.
    pub tensors: BTreeMap<String, Tensor>,
    /// How many steps of the optimiser each variable took.
    pub steps: BTreeMap<String, i64>,
    /// The stream of shuffles, before the epoch under way.
    pub shuffle: (u64, u64),
    /// Where the run stands, in its own words.
    pub progress: serde_json::Value,
    pub settings: Settings,
}

#[derive(Serialize, Deserialize)]
struct TrainingState {
    model: ModelState,
    noise: State,
    /// Each random parameter's stream: its number, and its draws so far.
    streams: BTreeMap<String, (u64, u64)>,
    shuffle: (u64, u64),
    /// Files of version 0.1 knew one optimiser.
    #[serde(alias = "adam_steps")]
    steps: BTreeMap<String, i64>,
    progress: serde_json::Value,
    settings: Settings,
}

/// Writes the run to `path`.
pub(crate) fn write<M: BayesianModule + ?Sized>(
    path: &Path,
    net: &M,
    vs: &VarStore,
    kept: Kept,
) -> Result<()> {
    let (mut tensors, model) = model::contents(net, vs);
    tensors.extend(kept.tensors);
    let streams = net.named_parameters().into_iter().map(|(name, p)| (name, p.stream().position())).collect();
    let Kept { steps, shuffle, progress, settings, .. } = kept;
    let state = TrainingState { model, noise: noise::state(), streams, shuffle, steps, progress, settings };
    file::write(path, &tensors, &model::json(&state)?)
}

/// A run's file that was checked against a model: nothing has been changed yet.
pub(crate) struct Opened {
    file: File,
    state: TrainingState,
}

/// Reads the run at `path` and checks it against the model.
pub(crate) fn open<M: BayesianModule + ?Sized>(path: &Path, net: &M, vs: &VarStore) -> Result<Opened> {
    let (ours, _) = model::contents(net, vs);
    let file = File::read(path, &|name| match variable_of(name) {
        Some(of) if ours.contains_key(of) => file::Want::Keep,
        _ => model::want(&ours, name),
    })?;
    let damaged = |what: String| unusable(path, Unusable::Damaged(what));
    let text = file.state.as_deref().unwrap_or_default();
    let state: TrainingState = serde_json::from_str(text)
        .map_err(|e| damaged(format!("it holds no run (a model alone has `load`): {e}")))?;
    model::check(path, net, vs, &file, &state.model)?;
    model::check_objective(path, net, vs, &file, &state.model)?;
    let variables = vs.variables();
    for (name, entry) in file.entries() {
        let Some(variable) = variable_of(name).and_then(|of| variables.get(of)) else { continue };
        // What an optimiser keeps of half-precision variables has more room.
        let kind = if entry.kind == Kind::Float { Kind::Float } else { variable.kind() };
        model::check_tensor(path, &file, name, name, &variable.to_kind(kind))?;
    }
    for (name, _) in net.named_parameters() {
        if !state.streams.contains_key(&name) {
            return Err(damaged(format!("it says nothing of the noise of `{name}`")));
        }
    }
    Ok(Opened { file, state })
}

/// The variable that a tensor beside the model's belongs to.
fn variable_of(name: &str) -> Option<&str> {
    name.split_once('/').map(|(_, of)| of)
}

impl Opened {
    /// What the run kept beside its model, on the variables' devices.
    pub(crate) fn kept(&self, vs: &VarStore) -> Result<Kept> {
        let variables = vs.variables();
        let mut tensors = BTreeMap::new();
        for (name, entry) in self.file.entries() {
            if let Some(variable) = variable_of(name).and_then(|of| variables.get(of)) {
                tensors.insert(name.to_owned(), self.file.tensor(entry)?.to_device(variable.device()));
            }
        }
        let TrainingState { steps, shuffle, progress, settings, .. } = &self.state;
        let (steps, progress, settings) = (steps.clone(), progress.clone(), settings.clone());
        Ok(Kept { tensors, steps, shuffle: *shuffle, progress, settings })
    }

    /// Gives the model its variables, and the noise its place.
    pub(crate) fn apply<M: BayesianModule + ?Sized>(&self, net: &M, vs: &VarStore) -> Result<()> {
        let (ours, _) = model::contents(net, vs);
        for (name, tensor) in &ours {
            model::copy(&self.file, name, tensor)?;
        }
        noise::restore(self.state.noise);
        for (name, parameter) in net.named_parameters() {
            parameter.forget_latest();
            if let Some(prior) = self.state.model.prior_of(&name) {
                parameter.find_prior(prior);
            }
            if let Some(&position) = self.state.streams.get(&name) {
                parameter.stream().restore(position);
            }
        }
        Ok(())
    }
}

/// An error about a run's file that lacks something.
pub(crate) fn damaged(path: &Path, what: &str) -> Error {
    unusable(path, Unusable::Damaged(what.to_owned()))
}
