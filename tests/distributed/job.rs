//! What one process does: trains a small net as its job says, and writes its weights.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use illia::checkpoint::Checkpoints;
use illia::data::{Batch, Dataset, Tensors};
use illia::infer::ensemble::Ensemble;
use illia::likelihood::Categorical;
use illia::prelude::*;
use illia::processes::{ProcessGroup, Reduction};
use illia::{Adam, History, Ivon, RateSchedule, Sgd};
use illia_distributed::{Group, Rendezvous};
use serde_json::Value;

bnn! {
    /// One draw a step: its gradient alone travels.
    struct Drawn: [1, 6, 6] -> [3] {
        posterior: FanIn;
        estimator: Reparameterization;
        conv: Conv2d(4, kernel: 3) -> relu -> dropout(0.2),
        flatten,
        fc: Linear(8, prior: LearnedGaussian(std: 0.5)) -> relu,
        head: Linear(3, prior: ScaleMixture(pi: 0.5, std1: 1.0, std2: 0.1)),
    }
}

bnn! {
    /// Noise for each example: the gradients of mu and sigma travel.
    struct Outputs: [1, 6, 6] -> [3] {
        posterior: FanIn;
        estimator: LocalReparameterization;
        conv: Conv2d(4, kernel: 3) -> relu,
        flatten,
        fc: Linear(8, estimator: Flipout) -> relu,
        #[deterministic]
        head: Linear(3),
    }
}

bnn! {
    /// Factors of input units for each example.
    struct Units: [1, 6, 6] -> [3] {
        posterior: GaussianDropout(rho: nn::Init::Const(-1.0));
        estimator: LocalReparameterization;
        conv: Conv2d(4, kernel: 3) -> relu,
        flatten,
        fc: Linear(8) -> relu,
        head: Linear(3),
    }
}

bnn! {
    /// The default: the mode, then the last layer's curvature.
    struct Default_: [1, 6, 6] -> [3] {
        conv: Conv2d(4, kernel: 3) -> relu,
        flatten,
        fc: Linear(8) -> relu,
        head: Linear(3),
    }
}

bnn! {
    struct Normed: [1, 6, 6] -> [3] {
        conv: Conv2d(4, kernel: 3),
        norm: BatchNorm2d -> relu,
        flatten,
        head: Linear(3),
    }
}

/// Forty-one and more rows, so that the last batch of an epoch is smaller than the number of processes.
fn data(rows: i64, kind: Kind) -> Tensors {
    let x = (Tensor::arange(rows * 36, (Kind::Double, Device::Cpu)) * 0.37).sin().reshape([rows, 1, 6, 6]);
    let y = x.flatten(1, -1).narrow(1, 0, 3).argmax(1, false);
    Tensors::new(vec![x.to_kind(kind)], y).unwrap()
}

/// A data set in which something goes wrong at one of its batches.
struct Faulty<'a> {
    data: Tensors,
    job: &'a Value,
    asked: Cell<u64>,
}

impl Dataset for Faulty<'_> {
    fn len(&self) -> usize {
        self.data.len()
    }

    fn batch(&self, rows: &[i64]) -> illia::Result<Batch> {
        self.asked.set(self.asked.get() + 1);
        let at = |what: &str| self.job[what].as_u64() == Some(self.asked.get());
        if at("dies") {
            std::process::abort();
        }
        if at("sleeps") {
            std::thread::sleep(Duration::from_secs(600));
        }
        if at("unreadable") {
            return Err(Error::data("shard.bin", "the disk is gone"));
        }
        self.data.batch(rows)
    }
}

pub fn run() {
    let job: Value = serde_json::from_str(&std::env::var("ILLIA_TEST_JOB").unwrap()).unwrap();
    let timeout = Duration::from_secs(job["timeout"].as_u64().unwrap_or(60));
    let done = Rendezvous::from_env()
        .and_then(|meeting| Group::join(&Rendezvous { timeout, ..meeting.expect("launched") }))
        .and_then(|group| match job["net"].as_str() {
            None => collectives(&group, device(&job)),
            Some("drawn") => train(&job, group, Drawn::try_new),
            Some("outputs") => train(&job, group, Outputs::try_new),
            Some("units") => train(&job, group, Units::try_new),
            Some("default") => train(&job, group, Default_::try_new),
            Some("ensemble") => ensemble(&job, &group),
            Some("normed") => train(&job, group, Normed::try_new),
            Some(other) => panic!("no net {other}"),
        });
    if let Err(error) = done {
        eprintln!("{error}");
        std::process::exit(2);
    }
}

/// Where the job's tensors lie: the CPU, or the GPU that all processes share.
fn device(job: &Value) -> Device {
    if job["device"] == "cuda" { Device::Cuda(0) } else { Device::Cpu }
}

fn train<M: BayesianModule + ModuleT>(
    job: &Value,
    group: Group,
    net: impl Fn(&nn::Path) -> illia::Result<M>,
) -> illia::Result<()> {
    let number = |name: &str, or: u64| job[name].as_u64().unwrap_or(or) as usize;
    illia::manual_seed(number("seed", 1) as u64);
    let mut vs = nn::VarStore::new(device(job));
    let net = net(&vs.root())?;
    let kind = if job["double"] == true { Kind::Double } else { Kind::Float };
    if kind == Kind::Double {
        vs.double();
    }
    let rank = group.rank();
    let data = Faulty { data: data(number("rows", 41) as i64, kind), job, asked: Cell::new(0) };
    let fit = Fit::new(Categorical)
        .epochs(number("epochs", 34))
        .batch_size(number("batch_size", 20))
        .draws(number("draws", 1))
        .learning_rate_schedule(RateSchedule::Constant)
        .progress(false)
        .processes(group);
    let fit = match job["optimiser"].as_str() {
        // A step of 0.01 is at the edge of stability here: what one bit grows to then depends on the processor (4e-9, or 3e-4).
        Some("sgd") => fit.optimiser(Sgd { learning_rate: 0.003, ..Sgd::default() }),
        Some("ivon") => fit.optimiser(Ivon::default()),
        _ => fit.optimiser(Adam { learning_rate: 3e-3, ..Adam::default() }),
    };
    let fit = match job["micro_batch"].as_u64() {
        Some(examples) => fit.micro_batch(examples as usize),
        None => fit,
    };
    let fit = match job["checkpoints"].as_str() {
        Some(folder) => fit.checkpoints(Checkpoints::new(folder).every_steps(4)).resume(true),
        None => fit,
    };
    let fit = match job["validation"] == true {
        true => fit.validation(&data.data.inputs()[0], data.data.target()).patience(5),
        false => fit,
    };
    let fit = match job["log"].as_str() {
        Some(path) => fit.log(path),
        None => fit,
    };
    let history = match job["by_example"] == true {
        true => fit.run(&net, &vs, &data.data.inputs()[0], data.data.target())?,
        false => fit.run_with(&net, &vs, &data, |inputs, train| Ok(net.forward_t(&inputs[0], train)))?,
    };
    write(job, rank, &vs, &history)
}

/// Five members over the processes, which all have all of them afterwards.
fn ensemble(job: &Value, group: &Group) -> illia::Result<()> {
    let data = data(41, Kind::Float);
    let mut members = Ensemble::new(5, 7, Device::Cpu, Drawn::try_new)?;
    let tensors = [data.inputs()[0].shallow_clone(), data.target().shallow_clone()];
    members.each_by(group, &tensors, |member, data| {
        Fit::new(Categorical).epochs(2).progress(false).run(&member.net, &member.vs, &data[0], &data[1])
    })?;
    let all = nn::VarStore::new(Device::Cpu);
    for (number, member) in members.members().iter().enumerate() {
        for (name, variable) in member.vs.variables() {
            let _ = (all.root() / number.to_string()).var_copy(&name.replace('.', "/"), &variable);
        }
    }
    write(job, group.rank(), &all, &History::default())
}

/// The weights, and the losses as one of them.
fn write(job: &Value, rank: usize, vs: &nn::VarStore, history: &History) -> illia::Result<()> {
    let Some(folder) = job["out"].as_str() else { return Ok(()) };
    let mut all: Vec<(String, Tensor)> =
        vs.variables().into_iter().map(|(name, v)| (name, v.detach().to_device(Device::Cpu))).collect();
    let losses: Vec<f64> =
        history.epochs.iter().flat_map(|e| [e.loss, e.nll, e.kl, e.validation_nll.unwrap_or(0.0)]).collect();
    all.push(("losses".to_owned(), Tensor::from_slice(&losses)));
    all.sort_by(|a, b| a.0.cmp(&b.0));
    Tensor::write_safetensors(&all, Path::new(folder).join(format!("{rank}.safetensors")))?;
    Ok(())
}

/// Each collective against what it has to give.
fn collectives(group: &Group, device: Device) -> illia::Result<()> {
    let (rank, size) = (group.rank(), group.size());
    for kind in [Kind::Float, Kind::Double, Kind::Int64] {
        let own = || (Tensor::arange(5, (Kind::Float, device)) + 10.0 * (rank as f64 + 1.0)).to_kind(kind);
        let of = |number: f64| (Tensor::arange(5, (Kind::Float, device)) + number).to_kind(kind);
        let mut largest = own();
        group.all_reduce(&mut largest, Reduction::Max)?;
        assert_eq!(largest, of(10.0 * size as f64));
        let all = group.all_gather(&own())?;
        let expected: Vec<Tensor> = (1..=size).map(|n| of(10.0 * n as f64)).collect();
        assert_eq!(all, expected);
        let mut last = own();
        group.broadcast(&mut last, size - 1)?;
        assert_eq!(last, of(10.0 * size as f64));
        if kind == Kind::Int64 {
            continue;
        }
        let mean = 10.0 * (size as f64 + 1.0) / 2.0;
        let mut averaged = own();
        group.all_reduce(&mut averaged, Reduction::Mean)?;
        assert_eq!(averaged, of(mean));
        // Not contiguous, and a view of something larger.
        let whole = Tensor::zeros([4, 5], (kind, device));
        let mut column = whole.tr().narrow(1, 1, 1);
        column.copy_(&own().unsqueeze(1));
        group.all_reduce(&mut column, Reduction::Sum)?;
        assert_eq!(whole.narrow(0, 1, 1).squeeze(), of(0.0) * size as f64 + mean * size as f64);
        assert_eq!(whole.sum(kind), column.sum(kind), "the rest is untouched");
    }
    assert!(group.broadcast(&mut Tensor::from(1.0), size).is_err());
    group.barrier()
}
