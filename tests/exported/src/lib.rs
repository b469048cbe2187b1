//! Nets of every kind with what their exports must give: a folder of ONNX files and, beside each, its inputs and outputs as an `.npz`. What
//! reads them stands in `tests`: tract, and Python's onnx and onnxruntime.

mod nets;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use illia::export::{Export, Exported, onnx};
use illia::{Predict, Result};
use tch::Tensor;

/// A file, what goes in, and what must come out, in the order of the file's inputs and outputs.
#[derive(Debug)]
pub struct Case {
    pub name: String,
    pub file: PathBuf,
    pub inputs: Vec<Tensor>,
    pub outputs: Vec<Tensor>,
}

/// Exports every net into `folder`: one call at a time, since they seed the process's noise.
pub fn cases(folder: &Path) -> Result<Vec<Case>> {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut writer = Writer { folder: folder.to_owned(), cases: Vec::new() };
    nets::all(&mut writer)?;
    Ok(writer.cases)
}

/// Writes the cases of one net after the other.
pub(crate) struct Writer {
    folder: PathBuf,
    cases: Vec<Case>,
}

/// How many draws are exported.
const DRAWS: usize = 3;

impl Writer {
    /// The mean and draws of a net, each run on every set of inputs: of other lengths where axes are free.
    pub(crate) fn net<M: Exported>(
        &mut self,
        name: &str,
        net: &mut M,
        sets: &[Vec<Tensor>],
        forward: impl Fn(&M, &[Tensor]) -> Result<Vec<Tensor>>,
    ) -> Result<()> {
        let file = self.folder.join(format!("{name}-mean.onnx"));
        onnx(net, &Export::mean(), &file)?;
        net.freeze_at_mean();
        for (i, inputs) in sets.iter().enumerate() {
            let outputs = tch::no_grad(|| forward(net, inputs))?;
            self.add(&format!("{name}-mean-{i}"), &file, inputs, outputs)?;
        }
        net.unfreeze();
        let net: &M = net;
        let file = self.folder.join(format!("{name}-draws.onnx"));
        illia::manual_seed(11);
        onnx(net, &Export::draws(DRAWS), &file)?;
        for (i, inputs) in sets.iter().enumerate() {
            let mut outputs = Vec::new();
            for which in 0..net.ports().outputs.len() {
                illia::manual_seed(11);
                let prediction = Predict::new()
                    .draws(DRAWS)
                    .run_with(net, inputs, |inputs| Ok(forward(net, inputs)?.swap_remove(which)))?;
                outputs.extend([prediction.outputs().shallow_clone(), prediction.mean(), prediction.std()]);
            }
            self.add(&format!("{name}-draws-{i}"), &file, inputs, outputs)?;
        }
        Ok(())
    }

    /// An exported file with what it must give; the outputs beyond these are not compared.
    pub(crate) fn add(
        &mut self,
        name: &str,
        file: &Path,
        inputs: &[Tensor],
        outputs: Vec<Tensor>,
    ) -> Result<()> {
        let named = |prefix: &str, tensors: &[Tensor]| -> Vec<(String, Tensor)> {
            tensors
                .iter()
                .enumerate()
                .map(|(i, tensor)| (format!("{prefix}{i}"), tensor.contiguous()))
                .collect()
        };
        let all: Vec<(String, Tensor)> =
            named("input", inputs).into_iter().chain(named("output", &outputs)).collect();
        // The file's name comes first, so that a reader knows which one it is.
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        Tensor::write_npz(&all, self.folder.join(format!("{stem}.{name}.npz")))?;
        let inputs = inputs.iter().map(Tensor::shallow_clone).collect();
        self.cases.push(Case { name: name.to_owned(), file: file.to_owned(), inputs, outputs });
        Ok(())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.onnx"))
    }
}
