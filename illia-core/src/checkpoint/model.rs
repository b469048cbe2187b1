//! What a model is in a file: its variables, priors and fingerprint.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::nn::VarStore;
use tch::{Kind, Tensor};

use super::file::{File, Want, unusable};
use crate::error::{Error, Result, Unusable, Within};
use crate::module::BayesianModule;
use crate::parameter::{AXES, Earlier, PARTS, Posterior, Prior, RandomParameter};

/// How far QᵀQ of axes may be from the identity: as half precision leaves it.
const ORTHOGONAL: f64 = 0.05;
/// Before the name of a parameter and a `/`: where its prior is centred.
const CENTRE: &str = "prior_centre";

/// What a file says of a model beside its tensors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ModelState {
    /// Of the variables' names, kinds and shapes, and the posteriors.
    pub fingerprint: String,
    /// Each random parameter, by its name.
    parameters: BTreeMap<String, ParameterState>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct ParameterState {
    posterior: String,
    prior: Prior,
}

/// The model's tensors by their names in a file, and the rest of what a file says of it.
pub(super) fn contents<M: BayesianModule + ?Sized>(
    net: &M,
    vs: &VarStore,
) -> (BTreeMap<String, Tensor>, ModelState) {
    let mut tensors: BTreeMap<String, Tensor> = vs.variables().into_iter().collect();
    let mut crc = crc32fast::Hasher::new();
    for (name, variable) in &tensors {
        crc.update(format!("{name} {:?} {:?}\n", variable.kind(), variable.size()).as_bytes());
    }
    let mut parameters = BTreeMap::new();
    for (name, parameter) in net.named_parameters() {
        let posterior = match parameter.posterior() {
            // What version 0.1 called it, which its files say.
            Posterior::Plain { .. } => "Deterministic".to_owned(),
            posterior => posterior.name(),
        };
        crc.update(format!("{name} {posterior}\n").as_bytes());
        if let Some(centre) = parameter.prior_centre() {
            tensors.insert(format!("{CENTRE}/{name}"), centre.shallow_clone());
        }
        for (part, tensor) in PARTS.iter().zip(parameter.earlier().iter().flat_map(|earlier| earlier.parts()))
        {
            if let Some(tensor) = tensor {
                tensors.insert(format!("{part}/{name}"), tensor.shallow_clone());
            }
        }
        parameters.insert(name, ParameterState { posterior, prior: parameter.prior() });
    }
    (tensors, ModelState { fingerprint: format!("{:08x}", crc.finalize()), parameters })
}

/// What loading a model into one with these tensors wants of a file.
pub(super) fn want(tensors: &BTreeMap<String, Tensor>, name: &str) -> Want {
    if tensors.contains_key(name) || is_of_a_prior(name) {
        Want::Keep
    } else if name.contains('/') {
        // A run's, beside its model.
        Want::Skip
    } else {
        Want::Refuse(format!("the file has `{name}`, which the model has not"))
    }
}

/// Whether a file's tensor is part of a prior, which the model that it is loaded into may not have yet.
fn is_of_a_prior(name: &str) -> bool {
    let part = name.split_once('/').map_or("", |(part, _)| part);
    part == CENTRE || PARTS.contains(&part)
}

pub(super) fn json(state: &impl Serialize) -> Result<String> {
    serde_json::to_string(state).map_err(|e| Error::configuration("checkpoint", e, "numbers that JSON has"))
}

/// The model's part of the file's state.
pub(super) fn state(path: &Path, file: &File) -> Result<ModelState> {
    #[derive(Deserialize)]
    struct OfModel {
        model: Option<ModelState>,
        #[serde(flatten)]
        alone: Option<ModelState>,
    }
    let text = file.state.as_deref().ok_or_else(|| {
        unusable(path, Unusable::Damaged("it has no state: a file of another program".to_owned()))
    })?;
    let parsed: OfModel =
        serde_json::from_str(text).map_err(|e| unusable(path, Unusable::Damaged(e.to_string())))?;
    parsed
        .model
        .or(parsed.alone)
        .ok_or_else(|| unusable(path, Unusable::Damaged("its state says nothing of a model".to_owned())))
}

/// Refuses a file whose `name` is not of the shape and kind of `like`, or not finite.
pub(super) fn check_tensor(path: &Path, file: &File, name: &str, in_file: &str, like: &Tensor) -> Result<()> {
    let architecture = |difference: String| Err(unusable(path, Unusable::Architecture(difference)));
    let Some(entry) = file.entry(in_file) else {
        return architecture(format!("the model has `{name}`, which the file has not"));
    };
    if entry.shape != like.size() {
        let (theirs, ours) = (&entry.shape, like.size());
        return architecture(format!("`{name}` is {theirs:?} in the file and {ours:?} in the model"));
    }
    if entry.kind != like.kind() {
        let (theirs, ours) = (entry.kind, like.kind());
        return architecture(format!("`{name}` is {theirs:?} in the file and {ours:?} in the model"));
    }
    // A rho of minus infinity is a pruned weight's.
    if !file.is_finite(entry, in_file.ends_with(".rho")) {
        return Err(unusable(path, Unusable::NonFinite(in_file.to_owned())));
    }
    Ok(())
}

impl ModelState {
    /// The prior that the file has for this parameter.
    pub(super) fn prior_of(&self, name: &str) -> Option<Prior> {
        self.parameters.get(name).map(|state| state.prior)
    }
}

/// Checks everything that [`apply`] will use.
pub(super) fn check<M: BayesianModule + ?Sized>(
    path: &Path,
    net: &M,
    vs: &VarStore,
    file: &File,
    state: &ModelState,
) -> Result<()> {
    let (tensors, ours) = contents(net, vs);
    // Files from before there were axes have none: the elements' own.
    let own_axes = |name: &str| has_axes_of_its_own(net, file, name);
    for (name, tensor) in tensors.iter().filter(|(name, _)| !is_of_a_prior(name) && !own_axes(name)) {
        check_tensor(path, file, name, name, tensor)?;
        check_axes(path, file, net, name)?;
    }
    let architecture = |difference: String| unusable(path, Unusable::Architecture(difference));
    for (name, ours) in &ours.parameters {
        let Some(theirs) = state.parameters.get(name) else {
            return Err(architecture(format!("the model has `{name}`, which the file has not")));
        };
        if theirs.posterior != ours.posterior {
            let (theirs, ours) = (&theirs.posterior, &ours.posterior);
            return Err(architecture(format!("`{name}` is {theirs} in the file and {ours} in the model")));
        }
        let invalid = |e: Error| unusable(path, Unusable::Damaged(format!("`{name}`: {e}")));
        if theirs.prior != ours.prior {
            // A user's density has in the file but what it prints; the model's own, which prints the same, can compute it.
            if matches!(theirs.prior, Prior::Custom(_)) {
                let (theirs, ours) = (&theirs.prior, &ours.prior);
                let difference =
                    format!("the prior of `{name}` is {theirs:?} in the file and {ours:?} in the model");
                return Err(architecture(difference));
            }
            if theirs.prior != Prior::Earlier {
                theirs.prior.validate().map_err(invalid)?;
            }
        }
    }
    if let Some(name) = state.parameters.keys().find(|name| !ours.parameters.contains_key(*name)) {
        return Err(architecture(format!("the file has `{name}`, which the model has not")));
    }
    for (name, parameter) in net.named_parameters() {
        let in_file = format!("{CENTRE}/{name}");
        if file.entry(&in_file).is_some() {
            check_tensor(path, file, &in_file, &in_file, parameter.mu())?;
        }
        let prior = state.prior_of(&name);
        if prior.is_some_and(|prior| prior.is_learned()) && parameter.prior_rho().is_none() {
            return Err(architecture(format!("the prior of `{name}` is learned in the file only")));
        }
        if prior == Some(Prior::Earlier) {
            check_earlier(path, file, &name, parameter)?;
        }
    }
    Ok(())
}

/// Refuses an earlier posterior that is none of this parameter.
fn check_earlier(path: &Path, file: &File, name: &str, parameter: &RandomParameter) -> Result<()> {
    let [mean, sigma, axes] = PARTS.map(|part| format!("{part}/{name}"));
    check_tensor(path, file, &mean, &mean, parameter.mu())?;
    check_tensor(path, file, &sigma, &sigma, parameter.mu())?;
    let damaged = |what: String| unusable(path, Unusable::Damaged(what));
    if let Some(entry) = file.entry(&sigma)
        && file.tensor(entry)?.le(0.0).any().int64_value(&[]) != 0
    {
        return Err(damaged(format!("`{sigma}` is not above 0")));
    }
    let Some(entry) = file.entry(&axes) else { return Ok(()) };
    let inputs = parameter.mu().size().last().copied().unwrap_or(0);
    if parameter.mu().dim() != 2 {
        return Err(damaged(format!("`{axes}` belongs to no matrix of weights")));
    }
    let like = Tensor::zeros([inputs, inputs], (parameter.mu().kind(), tch::Device::Cpu));
    check_tensor(path, file, &axes, &axes, &like)?;
    orthogonal(path, &axes, &file.tensor(entry)?)
}

/// Whether a variable is one of axes that the file has not.
fn has_axes_of_its_own<M: BayesianModule + ?Sized>(net: &M, file: &File, name: &str) -> bool {
    file.entry(name).is_none() && is_axes(net, name)
}

/// Whether a variable has the axes of a parameter.
fn is_axes<M: BayesianModule + ?Sized>(net: &M, name: &str) -> bool {
    let of = |parameter: &RandomParameter| {
        name.strip_prefix(parameter.name()).and_then(|rest| rest.strip_prefix('.')) == Some(AXES)
    };
    name.ends_with(AXES) && net.named_parameters().iter().any(|(_, p)| p.has_axes() && of(p))
}

/// Refuses axes that are not orthogonal: the KL would be another's.
fn check_axes<M: BayesianModule + ?Sized>(path: &Path, file: &File, net: &M, name: &str) -> Result<()> {
    let (Some(entry), true) = (file.entry(name), is_axes(net, name)) else { return Ok(()) };
    orthogonal(path, name, &file.tensor(entry)?)
}

fn orthogonal(path: &Path, name: &str, axes: &Tensor) -> Result<()> {
    let axes = axes.to_kind(Kind::Double);
    let one = axes.tr().f_matmul(&axes).within(name)?;
    let off = (&one - Tensor::eye(one.size().first().copied().unwrap_or(0), (one.kind(), one.device())))
        .abs()
        .max()
        .double_value(&[]);
    if off < ORTHOGONAL {
        return Ok(());
    }
    Err(unusable(path, Unusable::Damaged(format!("`{name}` is no orthogonal matrix"))))
}

/// Refuses a file whose priors or pruned weights are not the model's, for runs, which go on with the same objective.
pub(super) fn check_objective<M: BayesianModule + ?Sized>(
    path: &Path,
    net: &M,
    vs: &VarStore,
    file: &File,
    state: &ModelState,
) -> Result<()> {
    let (tensors, _) = contents(net, vs);
    for (name, parameter) in net.named_parameters() {
        let ours = parameter.prior();
        let theirs = state.prior_of(&name).unwrap_or(ours);
        // An automatic prior's scale is the run's to find; an earlier posterior is not.
        if theirs != ours && (!parameter.prior_is_automatic() || theirs == Prior::Earlier) {
            let difference =
                format!("the prior of `{name}` is {theirs:?} in the file, {ours:?} in the model");
            return Err(unusable(path, Unusable::Architecture(difference)));
        }
        let [_, _, axes] = PARTS;
        for (part, what) in [(CENTRE, "a centre of its own"), (axes, "axes")] {
            let part = format!("{part}/{name}");
            if tensors.contains_key(&part) != file.entry(&part).is_some() {
                let difference = format!("the prior of `{name}` has {what} in only one of both");
                return Err(unusable(path, Unusable::Architecture(difference)));
            }
        }
    }
    for (name, parameter) in net.named_parameters() {
        let (Some(rho), Some(entry)) = (parameter.rho(), file.entry(&format!("{name}.rho"))) else {
            continue;
        };
        if !file.tensor(entry)?.isneginf().equal(&rho.to_device(tch::Device::Cpu).isneginf()) {
            let difference = format!("other weights of `{name}` are pruned in the file than in the model");
            return Err(unusable(path, Unusable::Architecture(difference)));
        }
    }
    Ok(())
}

/// Gives the model the file's tensors and priors; [`check`] has passed.
pub(super) fn apply<M: BayesianModule + ?Sized>(
    net: &mut M,
    vs: &VarStore,
    file: &File,
    state: &ModelState,
) -> Result<()> {
    for (name, variable) in vs.variables() {
        copy(file, &name, &variable)?;
    }
    let mut result = Ok(());
    net.each_parameter_mut(&mut |name, parameter| {
        let mut one = || -> Result<()> {
            let device = parameter.mu().device();
            let part = |part: &str| match file.entry(&format!("{part}/{name}")) {
                Some(entry) => file.tensor(entry).map(|tensor| Some(tensor.to_device(device))),
                None => Ok(None),
            };
            let centre = part(CENTRE)?;
            let [mean, sigma, axes] = PARTS.map(part);
            if parameter
                .named_variables()
                .any(|(name, _)| name.ends_with(AXES) && file.entry(&name).is_none())
            {
                parameter.use_own_axes();
            }
            parameter.set_prior_centre(centre);
            parameter.restore_pruning();
            parameter.forget_latest();
            let prior = state.prior_of(name).unwrap_or(parameter.prior());
            if prior != Prior::Earlier {
                return if prior == parameter.prior() { Ok(()) } else { parameter.set_prior(prior) };
            }
            if let (Some(mean), Some(sigma)) = (mean?, sigma?) {
                parameter.set_earlier(Earlier { mean, sigma, axes: axes? });
            }
            Ok(())
        };
        if result.is_ok() {
            result = one();
        }
    });
    result
}

/// Copies the file's tensor `name` into `into`, which keeps its kind and device.
pub(super) fn copy(file: &File, name: &str, into: &Tensor) -> Result<()> {
    let Some(entry) = file.entry(name) else { return Ok(()) };
    let from = file.tensor(entry)?;
    let _no_grad = tch::no_grad_guard();
    into.shallow_clone().f_copy_(&from).within(name).map(drop)
}
