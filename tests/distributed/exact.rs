//! Two and four processes give what one gives, to rounding; and the same bits whenever they run.

use std::path::Path;

use serde_json::{Value, json};
use tch::{Kind, Tensor};

use crate::launch::{free_port, start, start_at};
use crate::scratch::Scratch;

type Named = Vec<(String, Tensor)>;

fn read(folder: &Path, rank: usize) -> Named {
    let mut all = Tensor::read_safetensors(folder.join(format!("{rank}.safetensors"))).unwrap();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

/// The result of a job in `size` processes, which must be the same bits in all.
pub fn trained(size: usize, job: &Value) -> Named {
    let folder = Scratch::new();
    let mut job = job.clone();
    job["out"] = json!(&*folder);
    start(&vec![job; size]).succeeded();
    let all: Vec<Named> = (0..size).map(|rank| read(&folder, rank)).collect();
    for (rank, theirs) in all.iter().enumerate() {
        assert_eq!(*theirs, all[0], "rank {rank} has other weights than rank 0");
    }
    all.into_iter().next().unwrap()
}

fn norms(a: &Named, b: &Named) -> Vec<(f64, f64)> {
    let norm = |t: &Tensor| t.to_kind(Kind::Double).norm().double_value(&[]);
    let one = |((name, a), (other, b)): (&(String, Tensor), &(String, Tensor))| {
        assert_eq!(name, other);
        (norm(&(a - b)), norm(b))
    };
    a.iter().zip(b).map(one).collect()
}

/// The largest distance of a variable, or the losses, from the expected ones, in parts of their norm.
pub fn distance(a: &Named, b: &Named) -> f64 {
    norms(a, b).into_iter().map(|(off, norm)| off / norm.max(1e-12)).fold(0.0, f64::max)
}

/// The distance of all weights together, in parts of their norm; the losses, whose norm would hide theirs, must be as near.
fn distance_in_norm(a: &Named, b: &Named) -> f64 {
    let of = |losses: bool| {
        let all = norms(a, b).into_iter().zip(a).filter(|(_, (name, _))| (name == "losses") == losses);
        let (off, norm) =
            all.fold((0.0f64, 0.0f64), |(o, n), ((off, norm), _)| (o.hypot(off), n.hypot(norm)));
        off / norm
    };
    of(true).max(of(false))
}

/// 102 steps, of which every third has one example for all processes.
fn are_one(job: Value, tolerance: f64, distance: fn(&Named, &Named) -> f64) {
    let one = trained(1, &job);
    for size in [2, 4] {
        let off = distance(&trained(size, &job), &one);
        assert!(off < tolerance, "{size} processes are {off:e} off: {job}");
    }
}

#[test]
fn in_double_precision_they_are_one_process_with_adam() {
    for (net, by_example) in [("drawn", true), ("outputs", false), ("units", false)] {
        let job = json!({"net": net, "double": true, "validation": true, "by_example": by_example});
        are_one(job, 1e-6, distance);
    }
}

#[test]
fn so_they_are_with_several_draws_and_ivon() {
    are_one(json!({"net": "drawn", "double": true, "draws": 2, "epochs": 10}), 1e-6, distance);
    are_one(json!({"net": "drawn", "double": true, "optimiser": "ivon", "epochs": 10}), 1e-6, distance);
}

#[test]
fn in_single_precision_they_are_with_sgd() {
    for net in ["drawn", "outputs"] {
        are_one(json!({"net": net, "optimiser": "sgd"}), 1e-4, distance_in_norm);
    }
}

#[test]
fn the_default_posterior_is_the_same_too() {
    // A mode and a curvature: no noise but that of the targets, which is keyed.
    are_one(
        json!({"net": "default", "double": true, "rows": 541, "batch_size": 64, "epochs": 12}),
        1e-6,
        distance,
    );
}

#[test]
fn the_same_bits_from_run_to_run() {
    let job = json!({"net": "outputs", "micro_batch": 6, "epochs": 8});
    for size in [2, 3] {
        assert_eq!(trained(size, &job), trained(size, &job));
    }
}

#[test]
fn every_collective_gives_what_it_says() {
    for size in [1, 2, 3] {
        start(&vec![json!({}); size]).succeeded();
    }
}

#[test]
fn one_of_them_writes_the_log() {
    let folder = Scratch::new();
    let path = folder.join("run.csv");
    let job = json!({"net": "drawn", "epochs": 5, "validation": true, "log": path, "out": &*folder});
    start(&vec![job; 3]).succeeded();
    let text = std::fs::read_to_string(&path).unwrap();
    let epochs: Vec<&str> = text.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(epochs, ["epoch", "1", "2", "3", "4", "5"], "{text}");
    // What it says is what all have.
    let losses: Vec<f64> =
        Vec::try_from(&read(&folder, 2).iter().find(|(name, _)| name == "losses").unwrap().1).unwrap();
    for (line, losses) in text.lines().skip(1).zip(losses.chunks(4)) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        assert_eq!([cells[4], cells[1], cells[2]], losses[..3], "{line}");
    }
}

/// Their tensors travel through the host's memory; noise is the GPU's, whole in each process, of which each takes its rows.
#[test]
fn so_they_are_on_a_gpu_that_they_share() {
    if !tch::Cuda::is_available() {
        eprintln!("so_they_are_on_a_gpu_that_they_share: left out, there is no GPU");
        return;
    }
    start(&vec![json!({"device": "cuda"}); 2]).succeeded();
    for net in ["drawn", "outputs"] {
        let job = json!({"net": net, "device": "cuda", "double": true, "epochs": 10});
        let (one, two) = (trained(1, &job), trained(2, &job));
        let off = distance(&two, &one);
        assert!(off < 1e-6, "{off:e} off: {job}");
    }
}

#[test]
fn an_ensemble_is_the_same_bits_over_any_number_of_processes() {
    let job = json!({"net": "ensemble"});
    let one = trained(1, &job);
    assert_eq!(trained(2, &job), one);
    assert_eq!(trained(3, &job), one);
}

#[test]
fn a_launchers_store_serves_as_well_as_rank_0s() {
    let port = free_port();
    // Serves a store, and waits for a second process of another start that never comes.
    let agent = json!({"world_size": 2, "env": {"TORCHELASTIC_RESTART_COUNT": "9"}});
    let _agent = start_at(port, &[agent]);
    let worker = json!({"env": {"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0"}});
    start_at(port, &vec![worker; 2]).succeeded();
}
