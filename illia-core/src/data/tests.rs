//! Data sets over data sets: the same rows give the same bits, whatever stands between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tch::{Device, Kind, Tensor};

use super::*;
use crate::error::{Error, Result};

/// Ten rows: `[10, 2]` f32, `[10, 3, 1]` u8 and labels.
fn tensors() -> Tensors {
    let x = Tensor::arange(20, (Kind::Float, Device::Cpu)).reshape([10, 2]);
    let pixels = Tensor::arange(30, (Kind::Uint8, Device::Cpu)).reshape([10, 3, 1]);
    Tensors::new(vec![x, pixels], Tensor::arange(10, (Kind::Int64, Device::Cpu))).unwrap()
}

fn noisy() -> impl Dataset + Clone + Send + 'static {
    tensors().map(5, |batch, noise| {
        let mut inputs = batch.inputs;
        inputs[0] = &inputs[0] + noise.normals(&[2])? + noise.uniforms(&[1])?;
        Ok(Batch { inputs, ..batch })
    })
}

fn same(a: &Batch, b: &Batch) {
    assert_eq!(a.inputs, b.inputs);
    assert_eq!(a.target, b.target);
}

fn says<T>(result: Result<T>, what: &str) {
    let error = result.err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(error, what);
}

#[test]
fn rows_come_in_the_order_in_which_they_are_asked_for() {
    let batch = tensors().batch(&[9, 0, 9]).unwrap();
    assert_eq!(batch.inputs[0], Tensor::from_slice(&[18f32, 19.0, 0.0, 1.0, 18.0, 19.0]).reshape([3, 2]));
    assert_eq!(batch.inputs[1].size(), [3, 3, 1]);
    assert_eq!(batch.target, Tensor::from_slice(&[9i64, 0, 9]));
    assert_eq!((batch.rows(), tensors().batch(&[]).unwrap().rows()), (3, 0));
    same(&batch, &batch.to_device(Device::Cpu).unwrap());
    let (data, boxed): (Tensors, Box<dyn Dataset>) = (tensors(), Box::new(tensors()));
    let by_reference: &dyn Dataset = &&data;
    same(&by_reference.batch(&[1]).unwrap(), &boxed.batch(&[1]).unwrap());
    assert_eq!((by_reference.len(), boxed.is_empty()), (10, false));
}

#[test]
fn a_mistake_is_named() {
    let zeros = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
    says(
        Tensors::new(vec![zeros(&[4, 2]), zeros(&[5, 2])], zeros(&[4])),
        "input 1: expected an input of shape [4, ..], as many rows as the target has, got [5, 2]",
    );
    says(
        Tensors::new(vec![zeros(&[])], zeros(&[4])),
        "input 0: expected an input of shape [4, ..], as many rows as the target has, got []",
    );
    says(
        Tensors::new(vec![], zeros(&[])),
        "target: expected an input of shape [rows, ..], a row for each example, got []",
    );
    Tensors::new(vec![zeros(&[4]) * f64::NAN], zeros(&[4])).unwrap();
    for row in [10, -1, i64::MAX, i64::MIN] {
        let what = format!("row = {row} is not allowed: the data set has rows 0 to 9");
        says(tensors().batch(&[0, row]), &what);
        says(tensors().subset(vec![row]), &what);
    }
    says(tensors().subset(vec![]).unwrap().batch(&[0]), "row = 0 is not allowed: the data set has no rows");
    says(
        tensors()
            .map(0, |batch, _| Ok(Batch { target: batch.target.narrow(0, 0, 1), ..batch }))
            .batch(&[1, 2]),
        "target: expected an input of shape [2, ..], a row for each example, got [1]",
    );
    says(
        tensors().map(0, |batch, noise| noise.normals(&[-1]).map(|_| batch)).batch(&[1]),
        "noise: expected an input of shape sizes from 0 on that memory can hold, got [-1]",
    );
    for fraction in [0.0, 1.0, 0.01, -1.0, f64::NAN] {
        assert!(tensors().split(fraction, 0).is_err(), "{fraction}");
    }
}

#[test]
fn augmentation_depends_on_seed_epoch_and_row_alone() {
    let data = noisy();
    let whole = data.batch(&(0..10).collect::<Vec<_>>()).unwrap();
    // In another order and company, and of another handle.
    let some = noisy().batch(&[7, 2]).unwrap();
    for (i, row) in [7, 2].into_iter().enumerate() {
        assert_eq!(some.inputs[0].get(i as i64), whole.inputs[0].get(row));
    }
    data.set_epoch(3);
    let later = data.batch(&[7, 2]).unwrap();
    assert_ne!(later.inputs, some.inputs);
    assert_eq!(later.inputs[1], some.inputs[1], "what is not changed stays");
    let resumed = noisy();
    resumed.set_epoch(3);
    same(&later, &resumed.batch(&[7, 2]).unwrap());
    data.set_epoch(0);
    same(&some, &data.batch(&[7, 2]).unwrap());
}

#[test]
fn row_noise_has_the_moments_of_its_distribution_and_no_row_shares_it() {
    let n = 4000;
    let x = Tensor::zeros([n], (Kind::Float, Device::Cpu));
    let data = |seed| {
        Tensors::new(vec![x.shallow_clone()], x.shallow_clone()).unwrap().map(seed, |batch, noise| {
            Ok(Batch {
                inputs: vec![noise.normals(&[5])?, noise.normals(&[5])?, noise.uniforms(&[5])?],
                ..batch
            })
        })
    };
    let rows: Vec<i64> = (0..n).collect();
    let (batch, other) = (data(1).batch(&rows).unwrap(), data(2).batch(&rows).unwrap());
    // Four standard errors of a mean of 20,000: 4 / sqrt(20,000) times the standard deviation of what is averaged.
    let near = |values: &Tensor, mean: f64, std: f64, what: &str| {
        let found = values.mean(Kind::Double).double_value(&[]);
        assert!((found - mean).abs() < 4.0 * std / 20_000f64.sqrt(), "{what}: {found}");
    };
    let [first, second, uniform] = &batch.inputs[..] else { panic!("three inputs") };
    near(first, 0.0, 1.0, "normals");
    near(&first.square(), 1.0, 2f64.sqrt(), "their squares");
    near(uniform, 0.5, 12f64.sqrt().recip(), "uniforms");
    near(&(first * second), 0.0, 1.0, "two calls");
    near(&(first * &other.inputs[0]), 0.0, 1.0, "two seeds");
    near(&(first * first.roll([1], [0])), 0.0, 1.0, "two rows");
}

#[test]
fn a_split_gives_each_row_to_one_part_by_its_seed() {
    let (train, rest) = tensors().split(0.7, 3).unwrap();
    assert_eq!((train.len(), rest.len()), (7, 3));
    let mut all = [train.rows(), rest.rows()].concat();
    all.sort_unstable();
    assert_eq!(all, (0..10).collect::<Vec<_>>());
    assert_eq!(tensors().split(0.7, 3).unwrap().1.rows(), rest.rows());
    let others: Vec<_> = (0..20).map(|seed| tensors().split(0.7, seed).unwrap().1.rows().to_vec()).collect();
    // 120 ways to choose three of ten: 20 seeds that agree more than a few times would not choose at random.
    assert!(others.iter().collect::<std::collections::BTreeSet<_>>().len() > 12, "{others:?}");
    let labels = rest.batch(&[2, 0]).unwrap().target;
    assert_eq!(labels, Tensor::from_slice(&[rest.rows()[2], rest.rows()[0]]));
}

#[test]
fn a_thread_that_reads_ahead_changes_no_bit() {
    let (plain, ahead) = (noisy(), noisy().prefetched().unwrap());
    for epoch in 0..3 {
        plain.set_epoch(epoch);
        // A batch that was made ready before the epoch began must not be taken.
        ahead.prefetch(&[0, 1, 2]);
        ahead.set_epoch(epoch);
        for start in [0i64, 3, 6] {
            let rows: Vec<i64> = (start..start + 3).collect();
            let next: Vec<i64> = rows.iter().map(|row| (row + 3) % 10).collect();
            ahead.prefetch(&next);
            same(&plain.batch(&rows).unwrap(), &ahead.batch(&rows).unwrap());
            ahead.prefetch(&next);
        }
    }
    // Announced and never asked for.
    (0..10).for_each(|row| ahead.prefetch(&[row]));
    same(&plain.batch(&[4]).unwrap(), &ahead.batch(&[4]).unwrap());
    says(ahead.batch(&[10]), "row = 10 is not allowed: the data set has rows 0 to 9");
    assert_eq!(ahead.len(), 10);
}

/// Fails, or panics, where its row says so; counts what it is asked.
struct Troubled {
    asked: Arc<AtomicUsize>,
    dropped: Arc<AtomicBool>,
}

impl Dataset for Troubled {
    fn len(&self) -> usize {
        4
    }
    fn batch(&self, rows: &[i64]) -> Result<Batch> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match rows {
            [1] => Err(Error::data("disk", "gone")),
            [2] => panic!("row {}", rows[0]),
            [3] => crate::error::fail(Error::data("layer", "refused")),
            _ => tensors().batch(rows),
        }
    }
}

impl Drop for Troubled {
    fn drop(&mut self) {
        std::thread::sleep(std::time::Duration::from_millis(20));
        self.dropped.store(true, Ordering::SeqCst);
    }
}

#[test]
fn errors_and_panics_of_the_thread_come_back_and_dropping_waits_for_it() {
    let (asked, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let troubled = Troubled { asked: Arc::clone(&asked), dropped: Arc::clone(&dropped) };
    let data = troubled.prefetched().unwrap();
    for (row, what) in [(1, "disk: gone"), (2, "data set: it panicked: row 2"), (3, "layer: refused")] {
        data.prefetch(&[row]);
        says(data.batch(&[row]), what);
        says(data.batch(&[row]), what);
    }
    data.prefetch(&[0]);
    same(&data.batch(&[0]).unwrap(), &tensors().batch(&[0]).unwrap());
    assert_eq!(asked.load(Ordering::SeqCst), 7, "what was made ready is not made again");
    drop(data);
    assert!(dropped.load(Ordering::SeqCst));
}

#[test]
fn a_fingerprint_is_of_the_data_and_not_of_the_way_to_them() {
    let print = tensors().fingerprint().unwrap();
    assert_eq!(print, tensors().prefetched().unwrap().fingerprint().unwrap());
    let change = |input: usize, change: &dyn Fn(&Tensor) -> Tensor| {
        let mut inputs: Vec<Tensor> = tensors().inputs().iter().map(Tensor::copy).collect();
        inputs[input] = change(&inputs[input]);
        Tensors::new(inputs, tensors().target().copy()).unwrap().fingerprint().unwrap()
    };
    assert_eq!(print, change(0, &|x| x.shallow_clone()));
    let changed = [
        change(0, &|x| x + 1e-6),
        change(0, &|x| x.to_kind(Kind::Double)),
        change(1, &|x| x.reshape([10, 1, 3])),
        change(1, &|x| x + 1),
        tensors().subset((0..9).collect()).unwrap().fingerprint().unwrap(),
        tensors().subset((1..10).collect()).unwrap().fingerprint().unwrap(),
    ];
    for (i, other) in changed.iter().enumerate() {
        assert_ne!(print, *other, "{i}");
        assert!(changed.iter().skip(i + 1).all(|later| later != other), "{i}");
    }
    // A run asks in the middle of any epoch.
    let data = noisy().split(0.5, 1).unwrap().0;
    let before = data.fingerprint().unwrap();
    data.set_epoch(4);
    assert_eq!(before, data.fingerprint().unwrap());
    let one = Tensors::new(vec![], Tensor::zeros([1], (Kind::Float, Device::Cpu))).unwrap();
    let none = Tensors::new(vec![], Tensor::zeros([0], (Kind::Float, Device::Cpu))).unwrap();
    assert_ne!(one.fingerprint().unwrap(), none.fingerprint().unwrap());
}

#[cfg(all(unix, feature = "data"))]
#[test]
fn no_reader_waits_for_a_pipe_or_reads_a_device_to_its_end() {
    let folder = crate::files::scratch::Scratch::new();
    let pipe = folder.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, what) in [(&*pipe, "a pipe"), (std::path::Path::new("/dev/zero"), "a device")] {
        let what = format!("{}: not a regular file but {what}", path.display());
        says(Csv::new().read(path), &what);
        says(idx::read(path), &what);
        says(Records::open(path), &what);
        says(write_records(&tensors(), path), &what);
    }
}

#[test]
fn a_fingerprint_is_the_same_in_every_version() {
    // Files of runs carry it: worked out by hand from the definition, with Python's zlib.crc32.
    let x = Tensor::from_slice(&[1f32, 2.0, 3.0]);
    let data = Tensors::new(vec![x.unsqueeze(1)], x).unwrap();
    assert_eq!(format!("{:016x}", data.fingerprint().unwrap()), FINGERPRINT);
}

const FINGERPRINT: &str = "466235e214bc6085";
