//! One training run in as many processes as a launcher starts: a convolutional net on images, or a transformer on sequences.
//!
//! `cargo run --release --example distributed` is one process; `torchrun --no-python --nproc-per-node 2 target/release/examples/distributed`
//! two. `-- --help` lists the options, docs/distributed.md says more.

mod arguments;
mod data;
#[path = "../common/flags.rs"]
mod flags;
mod nets;

use std::process::ExitCode;
use std::time::Instant;

use arguments::Arguments;
use data::Split;
use flags::Failure;
use illia::checkpoint::Checkpoints;
use illia::prelude::*;
use illia::processes::ProcessGroup;
use illia_distributed::{Group, Rendezvous};
use nets::{Images, Sequences};
use sha2::{Digest, Sha256};

fn main() -> ExitCode {
    flags::end(run())
}

fn run() -> Result<(), Failure> {
    let arguments = &Arguments::parse()?;
    let meeting = Rendezvous::from_env()?.unwrap_or_else(|| Rendezvous::new(0, 1, "127.0.0.1", 0));
    let group = Group::join(&Rendezvous { timeout: arguments.timeout, ..meeting })?;
    share_cores(&group);
    illia::manual_seed(arguments.seed);
    let vs = nn::VarStore::new(Device::Cpu);
    if arguments.net == "transformer" {
        let data = data::sequences(arguments.examples);
        train(&Sequences::try_new(&vs.root())?, &vs, data, &group, arguments)?;
    } else {
        let data = data::images(arguments.examples);
        train(&Images::try_new(&vs.root())?, &vs, data, &group, arguments)?;
    }
    Ok(())
}

/// Processes of one machine that each took all of its cores would wait for each other.
fn share_cores(group: &Group) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if group.size() > 1 && std::env::var_os("OMP_NUM_THREADS").is_none() {
        tch::set_num_threads((cores / group.size()).max(1) as i32);
    }
}

fn train<M: BayesianModule + ModuleT>(
    net: &M,
    vs: &nn::VarStore,
    data: [Split; 2],
    group: &Group,
    arguments: &Arguments,
) -> illia::Result<()> {
    let [train, test] = data;
    let mut fit = Fit::new(Categorical)
        .epochs(arguments.epochs)
        .batch_size(arguments.batch_size)
        .resume(arguments.resume)
        .progress(!arguments.json)
        .processes(group.clone());
    if let Some(folder) = &arguments.checkpoints {
        fit = fit.checkpoints(Checkpoints::new(folder).every_steps(arguments.every));
    }
    let start = Instant::now();
    fit.run(net, vs, &train.x, &train.y)?;
    let seconds = start.elapsed().as_secs_f64();
    if group.rank() > 0 {
        return Ok(());
    }
    let prediction = Predict::new().draws(16).run(net, &test.x)?;
    let nll = -prediction.log_predictive(&Categorical, &test.y)?.mean(Kind::Double).double_value(&[]);
    let rate = train.x.size()[0] as f64 * arguments.epochs as f64 / seconds;
    let (size, parameters) = (group.size(), hash(vs));
    if arguments.json {
        let line = serde_json::json!({
            "world_size": size, "nll": nll, "seconds": seconds, "parameters": parameters, "examples_per_second": rate,
        });
        println!("{line}");
    } else {
        println!(
            "{size} process(es): {nll:.4} nats on fresh examples after {seconds:.1} s, {rate:.0} examples a second"
        );
        println!("the weights' hash: {parameters}");
    }
    Ok(())
}

/// A hash of all variables' bits.
fn hash(vs: &nn::VarStore) -> String {
    let mut all: Vec<_> = vs.variables().into_iter().collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let mut hash = Sha256::new();
    for (name, variable) in all {
        hash.update(name);
        let bits: Vec<f64> =
            Vec::try_from(variable.detach().to_kind(Kind::Double).reshape([-1])).unwrap_or_default();
        bits.iter().for_each(|number| hash.update(number.to_bits().to_le_bytes()));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
