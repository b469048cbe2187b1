//! A whole run in a file: the model, the optimiser, where the run stands, and the noise.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::Tensor;
use tch::nn::VarStore;

use super::file::{self, File, unusable};
use super::model::{self, ModelState};
use crate::error::{Error, Result, Unusable};
use crate::module::{BayesianModule, Visitor};
use crate::noise::{self, State};
use crate::train::fit::EpochRecord;
use crate::train::optim::adam::{AdamState, Moments, moments_kind};

const MEAN: &str = "adam.mean/";
const SQUARE: &str = "adam.square/";
const BEST: &str = "best/";

/// Before the names of the tensors that are not the model's.
pub(super) const PREFIXES: [&str; 3] = [MEAN, SQUARE, BEST];

/// Where a run stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Steps taken in all.
    pub step: usize,
    /// The epochs that are done.
    pub epochs: Vec<EpochRecord>,
    /// Steps taken in the epoch under way.
    pub batches: usize,
    /// That epoch's record so far.
    pub partial: Option<EpochRecord>,
    /// The best validation so far: (epoch, nats per example).
    pub best: Option<(usize, f64)>,
}

#[derive(Serialize, Deserialize)]
struct TrainingState {
    model: ModelState,
    noise: State,
    /// Each random parameter's stream: its number, and its draws so far.
    streams: BTreeMap<String, (u64, u64)>,
    /// The stream of shuffles, before the epoch under way.
    shuffle: (u64, u64),
    /// Each variable's steps of Adam.
    adam_steps: BTreeMap<String, i64>,
    progress: Progress,
    settings: BTreeMap<String, String>,
}

/// What a run writes and reads.
pub(crate) struct Training<'a, M: ?Sized> {
    pub net: &'a M,
    pub vs: &'a VarStore,
    /// Settings that a run can't go on without: by their names.
    pub settings: BTreeMap<String, String>,
}

/// What a file gives back beside what it changes in the model.
pub(crate) struct Resumed {
    pub progress: Progress,
    pub shuffle: (u64, u64),
    pub adam: AdamState,
    /// The best weights so far.
    pub best: Vec<(String, Tensor)>,
}

impl<M: BayesianModule + ?Sized> Training<'_, M> {
    pub(crate) fn write(
        &self,
        path: &Path,
        adam: &AdamState,
        progress: &Progress,
        shuffle: (u64, u64),
        best: &[(String, Tensor)],
    ) -> Result<()> {
        let (mut tensors, model) = model::contents(self.net, self.vs);
        let mut adam_steps = BTreeMap::new();
        for (name, moments) in &adam.moments {
            tensors.insert(format!("{MEAN}{name}"), moments.mean.shallow_clone());
            tensors.insert(format!("{SQUARE}{name}"), moments.square.shallow_clone());
            adam_steps.insert(name.clone(), moments.steps);
        }
        for (name, weights) in best {
            tensors.insert(format!("{BEST}{name}"), weights.shallow_clone());
        }
        let mut streams = BTreeMap::new();
        self.net.visit(&mut Visitor::new(&mut |name, parameter| {
            streams.insert(name.to_owned(), parameter.stream().position());
        }));
        let state = TrainingState {
            model,
            noise: noise::state(),
            streams,
            shuffle,
            adam_steps,
            progress: progress.clone(),
            settings: self.settings.clone(),
        };
        file::write(path, &tensors, &model::json(&state)?)
    }

    /// Goes on from the file at `path`: checks all of it, then changes the model, the noise, and returns the rest.
    pub(crate) fn read(&self, path: &Path) -> Result<Resumed> {
        let (ours, _) = model::contents(self.net, self.vs);
        let file = File::read(path, &|name| {
            let of = PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
            if ours.contains_key(of) { file::Want::Keep } else { model::want(&ours, name) }
        })?;
        let damaged = |what: String| unusable(path, Unusable::Damaged(what));
        let text = file.state.as_deref().unwrap_or_default();
        let state: TrainingState = serde_json::from_str(text)
            .map_err(|e| damaged(format!("it holds no run (a model alone has `load`): {e}")))?;
        self.check(path, &file, &state)?;

        let variables = self.vs.variables();
        let mut adam = AdamState::default();
        for (name, &steps) in &state.adam_steps {
            let copy = |prefix: &str| -> Result<Tensor> {
                let entry = file
                    .entry(&format!("{prefix}{name}"))
                    .ok_or_else(|| damaged(format!("no {prefix}{name}")))?;
                let device = variables.get(name).map_or(tch::Device::Cpu, Tensor::device);
                Ok(file.tensor(entry)?.to_device(device))
            };
            adam.moments.insert(name.clone(), Moments { mean: copy(MEAN)?, square: copy(SQUARE)?, steps });
        }
        let mut best = Vec::new();
        if state.progress.best.is_some() {
            for (name, variable) in &variables {
                if let Some(entry) = file.entry(&format!("{BEST}{name}")) {
                    best.push((name.clone(), file.tensor(entry)?.to_device(variable.device())));
                }
            }
        }
        for (name, tensor) in &ours {
            model::copy(&file, name, tensor)?;
        }
        noise::restore(state.noise);
        self.net.visit(&mut Visitor::new(&mut |name, parameter| {
            parameter.forget_latest();
            if let Some(&position) = state.streams.get(name) {
                parameter.stream().restore(position);
            }
        }));
        Ok(Resumed { progress: state.progress, shuffle: state.shuffle, adam, best })
    }

    fn check(&self, path: &Path, file: &File, state: &TrainingState) -> Result<()> {
        model::check(path, self.net, self.vs, file, &state.model)?;
        model::check_objective(path, self.net, self.vs, file, &state.model)?;
        let architecture = |difference: String| Err(unusable(path, Unusable::Architecture(difference)));
        for (name, ours) in &self.settings {
            if let Some(theirs) = state.settings.get(name).filter(|theirs| *theirs != ours) {
                return architecture(format!("{name} is {theirs} in the file and {ours} in this run"));
            }
        }
        for (name, variable) in self.vs.variables() {
            if state.adam_steps.contains_key(&name) {
                let like = variable.to_kind(moments_kind(variable.kind()));
                for prefix in [MEAN, SQUARE] {
                    let in_file = format!("{prefix}{name}");
                    model::check_tensor(path, file, &in_file, &in_file, &like)?;
                }
            }
            if state.progress.best.is_some() {
                let in_file = format!("{BEST}{name}");
                model::check_tensor(path, file, &in_file, &in_file, &variable)?;
            }
        }
        let mut missing: Option<Error> = None;
        self.net.visit(&mut Visitor::new(&mut |name, _| {
            if !state.streams.contains_key(name) {
                let damage = Unusable::Damaged(format!("it says nothing of the noise of `{name}`"));
                missing.get_or_insert(unusable(path, damage));
            }
        }));
        missing.map_or(Ok(()), Err)
    }
}
