//! What is wrong with one process, all say in a sentence; none hangs; what was saved is whole.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::exact::{distance, trained};
use crate::launch::{start, start_at};
use crate::scratch::Scratch;

/// Each process's sentence.
fn refused(jobs: &[Value]) -> Vec<String> {
    let ended = start(jobs).ended();
    ended.into_iter().map(|result| result.expect_err("a sentence")).collect()
}

#[test]
fn processes_that_are_not_alike_say_in_what() {
    let job = json!({"net": "drawn", "epochs": 2});
    let others = [
        ("seed", json!(2), "seed"),
        ("rows", json!(40), "settings"),
        ("batch_size", json!(21), "settings"),
        ("net", json!("outputs"), "net"),
        ("optimiser", json!("sgd"), "optimiser"),
        ("epochs", json!(3), "number of epochs"),
        ("double", json!(true), "net"),
        ("validation", json!(true), "epochs, patience"),
    ];
    for (name, value, word) in others {
        let mut other = job.clone();
        other[name] = value;
        for sentence in refused(&[job.clone(), other.clone()]) {
            assert!(
                sentence.contains("start: rank 1 has not the same") && sentence.contains(word),
                "{other}: {sentence}"
            );
        }
    }
}

#[test]
fn a_wrong_number_of_processes_is_said() {
    let job = |size: u64| json!({"net": "drawn", "world_size": size, "timeout": 5});
    let sentences = refused(&[job(2), job(3)]);
    assert!(sentences.iter().any(|sentence| sentence.contains("says that there are")), "{sentences:?}");
    // One that never comes.
    let start = Instant::now();
    let sentences = refused(&[json!({"net": "drawn", "world_size": 2, "timeout": 2})]);
    assert!(sentences[0].contains("rank 1 did not come within 2 s"), "{sentences:?}");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_port_in_use_is_said() {
    let taken = TcpListener::bind("0.0.0.0:0").unwrap();
    let job = json!({"net": "drawn", "world_size": 2, "timeout": 2});
    let ended = start_at(taken.local_addr().unwrap().port(), &[job]).ended();
    let sentence = ended.into_iter().next().unwrap().unwrap_err();
    assert!(sentence.contains("is in use") && sentence.contains("MASTER_PORT"), "{sentence}");
}

#[test]
fn an_error_of_one_is_the_sentence_of_all() {
    let sentences = refused(&[json!({"net": "drawn"}), json!({"net": "drawn", "unreadable": 4})]);
    assert!(sentences[1].contains("shard.bin: the disk is gone"), "{sentences:?}");
    assert!(sentences[0].contains("rank 1 has failed: shard.bin: the disk is gone"), "{sentences:?}");
}

#[test]
fn a_log_that_the_first_cannot_write_ends_all() {
    let job = json!({"net": "drawn", "log": "no/such/folder/run.csv"});
    for sentence in refused(&vec![job; 2]) {
        assert!(sentence.contains("run.csv"), "{sentence}");
    }
}

#[test]
fn a_batch_norm_is_refused() {
    for sentence in refused(&vec![json!({"net": "normed"}); 2]) {
        assert!(sentence.contains("norm: a batch norm would see one process's examples alone"), "{sentence}");
    }
}

#[test]
fn one_that_ends_or_sleeps_ends_the_others_in_time() {
    for (what, word) in [("dies", "another process has ended"), ("sleeps", "gave no answer within 3 s")] {
        let mut job = json!({"net": "drawn", "epochs": 1000, "timeout": 3});
        let whole = job.clone();
        job[what] = json!(9);
        let mut run = start(&[whole.clone(), job, whole]);
        let start = Instant::now();
        for rank in [0, 2] {
            while run.process(rank).try_wait().unwrap().is_none() {
                assert!(start.elapsed() < Duration::from_secs(60), "rank {rank} hangs");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let _ = run.process(1).kill();
        for (rank, result) in run.ended().into_iter().enumerate().filter(|(rank, _)| *rank != 1) {
            let sentence = result.unwrap_err();
            assert!(
                sentence.contains(word) && sentence.contains(&format!("rank {rank}")),
                "{what}: {sentence}"
            );
        }
    }
}

#[test]
fn a_killed_run_goes_on_to_the_bits_of_an_undisturbed_one() {
    let job = json!({"net": "outputs", "epochs": 8, "validation": true});
    let expected = trained(2, &job);
    for (rank, at) in [(0, 11), (1, 14)] {
        let folder = Scratch::new();
        let mut jobs = vec![job.clone(); 2];
        jobs.iter_mut().for_each(|job| job["checkpoints"] = json!(&*folder));
        let going_on = jobs[0].clone();
        jobs[rank]["dies"] = json!(at);
        assert!(start(&jobs).ended().iter().all(Result::is_err));
        assert_eq!(trained(2, &going_on), expected, "after rank {rank} died");
    }
}

#[test]
fn a_run_of_two_goes_on_on_four_to_rounding() {
    let folder = Scratch::new();
    let job = json!({"net": "drawn", "double": true, "epochs": 8});
    let mut first = job.clone();
    (first["checkpoints"], first["epochs"]) = (json!(&*folder), json!(4));
    trained(2, &first);
    first["epochs"] = json!(8);
    let off = distance(&trained(4, &first), &trained(1, &job));
    assert!(off < 1e-6, "{off:e}");
}
