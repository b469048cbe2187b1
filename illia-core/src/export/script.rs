//! TorchScript: what libtorch notes down of one run.

use std::collections::BTreeMap;
use std::path::Path;

use tch::nn::VarStore;
use tch::{CModule, Tensor};

use crate::error::{Error, Result, Within};
use crate::files::write_whole;
use crate::module::BayesianModule;
use crate::parameter::RandomParameter;
use crate::pass::{Draws, Mode, Pass};

/// Writes what `forward` does to `inputs` as TorchScript, with the draws that are held, and the posterior's mean of all others. `vs` is the net's
/// store. [`tch::CModule::load`] and Python's `torch.jit.load` read the file; its one method is `forward`.
///
/// The operations are noted down as they come: whatever your code decides by looking at the inputs is decided as for these, and lengths that
/// it computes with are those of these inputs. Where axes are to stay free, use [`onnx`](super::onnx()).
///
/// ```
/// use illia_core::nn::Linear;
/// use illia_core::{BayesianModule, export};
/// use tch::{CModule, Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let mut net = Linear::new(vs.root(), 4, 2, Default::default());
/// net.freeze();
/// let x = Tensor::randn([3, 4], (Kind::Float, Device::Cpu));
/// let path = std::env::temp_dir().join("illia-doc.pt");
/// let inputs = [x.shallow_clone()];
/// export::torchscript(&net, &vs, &inputs, |net, inputs| Ok(vec![net.try_forward(&inputs[0])?]), &path)?;
/// let read = CModule::load(&path)?;
/// assert!(read.forward_ts(&[&x])?.allclose(&net.try_forward(&x)?, 1e-6, 1e-7, false));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What `forward` returns; [`Error::Torch`] where libtorch can't trace it; [`Error::Io`] where the file can't be written.
pub fn torchscript<M: BayesianModule>(
    net: &M,
    vs: &VarStore,
    inputs: &[Tensor],
    forward: impl Fn(&M, &[Tensor]) -> Result<Vec<Tensor>>,
    path: impl AsRef<Path>,
) -> Result<()> {
    let path = path.as_ref();
    let _no_grad = tch::no_grad_guard();
    let _constants = Constants::of(vs);
    let parameters = net.named_parameters();
    let random =
        parameters.iter().filter(|(_, parameter)| parameter.is_random() && parameter.held().is_none());
    let mean = |parameter: &RandomParameter| parameter.mean_weights().detach().copy().unsqueeze(0);
    let means: BTreeMap<_, _> = random.map(|(name, parameter)| (name.clone(), mean(parameter))).collect();
    let means = if means.is_empty() { None } else { Some(Draws::new(net, &means)?) };
    let _pass = Pass::over(&net.parameters(), Mode::Function, means);
    let module = trace(net, inputs, forward)?;
    write_whole(path, |file| module.save(file).within("torchscript"))
}

/// Variables that ask for no gradient until this is dropped: a trace takes no others as its constants.
struct Constants(Vec<Tensor>);

impl Constants {
    fn of(vs: &VarStore) -> Constants {
        let trained = vs.trainable_variables().into_iter().filter(Tensor::requires_grad);
        // A variable and its shallow clones are one tensor.
        Constants(trained.map(|variable| variable.set_requires_grad(false)).collect())
    }
}

impl Drop for Constants {
    fn drop(&mut self) {
        for variable in &self.0 {
            let _ = variable.set_requires_grad(true);
        }
    }
}

fn trace<M: BayesianModule>(
    net: &M,
    inputs: &[Tensor],
    forward: impl Fn(&M, &[Tensor]) -> Result<Vec<Tensor>>,
) -> Result<CModule> {
    // Outside of the trace, so that what it refuses is an error and no half of a module.
    forward(net, inputs)?;
    let mut failed: Option<Error> = None;
    let mut run = |inputs: &[Tensor]| match forward(net, inputs) {
        Ok(outputs) => outputs,
        Err(error) => {
            failed = Some(error);
            Vec::new()
        }
    };
    let module = CModule::create_by_tracing("Net", "forward", inputs, &mut run);
    match failed {
        Some(error) => Err(error),
        None => module.within("torchscript"),
    }
}
