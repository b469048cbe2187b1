//! The Python library's weights.

use std::collections::BTreeMap;
use std::path::Path;

use tch::Tensor;

use super::file::{File, Want, unusable};
use crate::error::{Result, Unusable};
use crate::files::Entry;
use crate::module::BayesianModule;
use crate::parameter::RandomParameter;

/// Gives the model's random parameters the `mu` and `rho` that the Python library illia trained: its `state_dict()`,
/// written with `safetensors.torch.save_file`.
///
/// Modules go by their names: its `fc1.weights_distribution.mu` is `fc1.weight.mu` here, `bias_distribution` is
/// `bias`. In its LSTM model each gate has a weight over [input, hidden] and a bias of its own; they are stacked into
/// `lstm.weight_ih_l0`, `lstm.weight_hh_l0` and `lstm.bias_ih_l0` of an [`LstmModel`](crate::nn::LstmModel), and
/// `wv`, `bv` are its `head`. A padding row, which is random there and zero here, is dropped. Numbers are converted to the
/// variables' kind and device. What else the file holds is ignored.
///
/// # Errors
/// [`Error::Checkpoint`](crate::Error::Checkpoint) for a file that is missing or damaged, lacks a parameter or has it
/// in another shape, or holds NaN or infinity; then nothing has been changed.
pub fn load_state_dict<M: BayesianModule + ?Sized>(net: &mut M, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let file = File::read(path, &|name| match name.ends_with(".mu") || name.ends_with(".rho") {
        true => Want::Keep,
        false => Want::Skip,
    })?;
    let mut loaded: BTreeMap<String, Tensor> = BTreeMap::new();
    for (name, parameter) in net.named_parameters() {
        for (field, variable) in fields(parameter) {
            let source = Source { path, file: &file, field, omitted_row: parameter.omitted_row() };
            loaded.insert(format!("{name}.{field}"), source.parameter(&name, variable)?);
        }
    }
    net.unfreeze();
    let _no_grad = tch::no_grad_guard();
    net.each_parameter_mut(&mut |name, parameter| {
        for (field, variable) in fields(parameter) {
            if let Some(tensor) = loaded.get(&format!("{name}.{field}")) {
                variable.shallow_clone().copy_(tensor);
            }
        }
        parameter.restore_pruning();
        parameter.forget_latest();
    });
    Ok(())
}

/// The variables of a random parameter that the Python library has too.
fn fields(parameter: &RandomParameter) -> impl Iterator<Item = (&'static str, &Tensor)> {
    let mu = parameter.is_random().then(|| ("mu", parameter.mu()));
    mu.into_iter().chain(parameter.rho().map(|rho| ("rho", rho)))
}

/// The columns of a gate's weight that act on the input, and those that act on the hidden state.
#[derive(Clone, Copy)]
enum Part {
    Input,
    Hidden,
}

/// Where one field of all parameters comes from.
struct Source<'a> {
    path: &'a Path,
    file: &'a File,
    field: &'static str,
    omitted_row: Option<i64>,
}

impl Source<'_> {
    /// What belongs into `variable`, a field of the parameter `name`.
    fn parameter(&self, name: &str, variable: &Tensor) -> Result<Tensor> {
        let (module, last) = name.rsplit_once('.').map_or(("", name), |(module, last)| (module, last));
        let beside = |module: &str, theirs: &str| match module {
            "" => format!("{theirs}_distribution"),
            _ => format!("{module}.{theirs}_distribution"),
        };
        // The module around `lstm` and `head`, if this is the LSTM model.
        let around = |own: &str| match module == own {
            true => Some(""),
            false => module.strip_suffix(own).and_then(|m| m.strip_suffix('.')),
        };
        let found = match (last, around("lstm"), around("head")) {
            ("weight_ih_l0", Some(model), _) => {
                self.gates(|gate| beside(model, &format!("w{gate}")), Some(Part::Input))?
            }
            ("weight_hh_l0", Some(model), _) => {
                self.gates(|gate| beside(model, &format!("w{gate}")), Some(Part::Hidden))?
            }
            ("bias_ih_l0", Some(model), _) => self.gates(|gate| beside(model, &format!("b{gate}")), None)?,
            ("weight" | "bias", _, Some(model)) if self.entry(&beside(model, "wv")).is_some() => {
                self.tensor(&beside(model, if last == "weight" { "wv" } else { "bv" }))?
            }
            ("weight", ..) => self.tensor(&beside(module, "weights"))?,
            _ => self.tensor(&beside(module, last))?,
        };
        let (theirs, ours) = (found.size(), variable.size());
        let found = match (self.omitted_row, theirs.first(), ours.first()) {
            (Some(row), Some(&rows), Some(&fewer)) if rows == fewer + 1 => {
                Tensor::cat(&[found.narrow(0, 0, row), found.narrow(0, row + 1, fewer - row)], 0)
            }
            _ => found,
        };
        if found.size() != ours {
            let difference =
                format!("`{name}.{}` is {theirs:?} in the file and {ours:?} in the model", self.field);
            return Err(unusable(self.path, Unusable::Architecture(difference)));
        }
        if found.isfinite().all().int64_value(&[]) == 0 {
            return Err(unusable(self.path, Unusable::NonFinite(format!("{name}.{}", self.field))));
        }
        Ok(found)
    }

    fn entry(&self, parameter: &str) -> Option<&Entry> {
        self.file.entry(&format!("{parameter}.{}", self.field))
    }

    fn tensor(&self, parameter: &str) -> Result<Tensor> {
        let entry = self.entry(parameter).ok_or_else(|| {
            let difference = format!("the file has no `{parameter}.{}`", self.field);
            unusable(self.path, Unusable::Architecture(difference))
        })?;
        self.file.tensor(entry)
    }

    /// The four gates in libtorch's order; of weights over [input, hidden], one part of the columns.
    fn gates(&self, parameter: impl Fn(&str) -> String, part: Option<Part>) -> Result<Tensor> {
        let mut gates = Vec::with_capacity(4);
        for gate in ["i", "f", "c", "o"] {
            let gate = self.tensor(&parameter(gate))?;
            let size = gate.size();
            gates.push(match (size.as_slice(), part) {
                // One row for each hidden unit.
                (&[hidden, columns], Some(Part::Input)) if hidden < columns => {
                    gate.narrow(1, 0, columns - hidden)
                }
                (&[hidden, columns], Some(Part::Hidden)) if hidden < columns => {
                    gate.narrow(1, columns - hidden, hidden)
                }
                _ => gate,
            });
        }
        Tensor::f_cat(&gates, 0).map_err(|e| unusable(self.path, Unusable::Damaged(e.to_string())))
    }
}
