//! The run that the stages kill, starve and repeat.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use illia::checkpoint::Checkpoints;
use illia::likelihood::Categorical;
use illia::prelude::*;
use illia::{Fit, KlSchedule};
use illia_distributed::{Group, Rendezvous};

bnn! {
    pub struct Net: [32] -> [8] {
        hidden: Linear(256, posterior: FanIn, estimator: Flipout) -> relu -> dropout(0.2),
        head: Linear(8),
    }
}

fn data() -> (Tensor, Tensor) {
    let x = (Tensor::arange(200 * 32, (Kind::Float, Device::Cpu)) * 0.37).sin().reshape([200, 32]);
    let y = x.narrow(1, 0, 8).argmax(1, false);
    (x, y)
}

pub const EPOCHS: usize = 12;

/// Every how many steps the run in `folder` is saved.
pub fn checkpoints(folder: &Path) -> Checkpoints {
    Checkpoints::new(folder).every_steps(2)
}

/// A net from the seed that all runs share.
pub fn model() -> (nn::VarStore, Net) {
    illia::manual_seed(3);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Net::new(&vs.root());
    (vs, net)
}

/// Trains, with checkpoints if a folder is given, and returns a checksum of every variable's bits.
pub fn train(folder: Option<&Path>) -> illia::Result<u64> {
    let (vs, net) = model();
    let (x, y) = data();
    let mut fit = Fit::new(Categorical)
        .epochs(EPOCHS)
        .batch_size(25)
        .kl(KlSchedule::WarmUp { epochs: 4.0 })
        .validation(&x.narrow(0, 0, 50), &y.narrow(0, 0, 50))
        .validation_draws(4)
        .progress(false);
    // One of several, if this process was started so.
    if let Some(meeting) = Rendezvous::from_env()? {
        fit = fit.processes(Group::join(&Rendezvous { timeout: Duration::from_secs(10), ..meeting })?);
    }
    if let Some(folder) = folder {
        fit = fit.checkpoints(checkpoints(folder)).resume(true);
    }
    fit.run(&net, &vs, &x, &y)?;
    Ok(bits(&vs))
}

/// FNV-1a over the variables' bits, in the order of their names.
pub fn bits(vs: &nn::VarStore) -> u64 {
    let mut all: Vec<_> = vs.variables().into_iter().collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let values =
        all.iter().flat_map(|(_, v)| Vec::<f32>::try_from(v.detach().reshape([-1])).unwrap_or_default());
    values.fold(0xcbf2_9ce4_8422_2325, |hash, value| {
        (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A run in a process of its own: prints its bits; exit status 3 and the sentence if it fails.
pub fn child(folder: &Path) -> ExitCode {
    match train(Some(folder)) {
        Ok(bits) => {
            println!("{bits:016x}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}

/// Saves a model over the one in `file`; exit status 3 and the sentence if it fails.
pub fn child_save(file: &Path) -> ExitCode {
    let (vs, net) = model();
    let _no_grad = tch::no_grad_guard();
    vs.variables().into_values().for_each(|mut variable| drop(variable.zero_()));
    match illia::checkpoint::save(&net, &vs, file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(3)
        }
    }
}
