//! What a file of records must give, and what must be refused.

use std::fs;
use std::path::PathBuf;

use tch::{Device, Kind, Tensor};

use super::*;
use crate::data::Tensors;
use crate::files::scratch::Scratch;

fn path(folder: &Scratch) -> PathBuf {
    folder.join("data.safetensors")
}

/// Kinds of every width, so that the file's order is not the inputs'.
fn tensors(rows: i64) -> Tensors {
    let count = |of_row: i64, kind| Tensor::arange(rows * of_row, (Kind::Float, Device::Cpu)).to_kind(kind);
    let inputs = vec![
        count(6, Kind::Uint8).reshape([rows, 2, 3]),
        count(1, Kind::Double),
        count(2, Kind::Float).reshape([rows, 2]),
        count(1, Kind::Half),
    ];
    Tensors::new(inputs, count(1, Kind::Int64)).unwrap()
}

#[test]
fn every_row_comes_back_to_the_bit() {
    let folder = Scratch::new();
    let data = tensors(50);
    write_records(&data, path(&folder)).unwrap();
    let records = Records::open(path(&folder)).unwrap();
    assert_eq!(records.len(), 50);
    let shuffled: Vec<i64> = (0..50).map(|i| i * 7 % 50).collect();
    for rows in [&[][..], &[49], &[3, 4, 5, 9, 8, 8, 9], &shuffled] {
        let (read, expected) = (records.batch(rows).unwrap(), data.batch(rows).unwrap());
        assert_eq!((read.inputs, read.target), (expected.inputs, expected.target));
    }
    assert!(records.batch(&[50]).unwrap_err().to_string().contains("rows 0 to 49"));
    assert_eq!(records.fingerprint().unwrap(), data.fingerprint().unwrap());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing else is left behind");
    // Two threads on two handles don't disturb each other.
    let threads = [records.clone(), records].map(|handle| {
        std::thread::spawn(move || {
            (0..200).all(|i| handle.batch(&[i % 50]).unwrap().target.int64_value(&[0]) == i % 50)
        })
    });
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn other_programs_read_and_write_the_same_file() {
    let folder = Scratch::new();
    write_records(&tensors(5), path(&folder)).unwrap();
    let bytes = fs::read(path(&folder)).unwrap();
    let read = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(read.tensor("inputs.2").unwrap().shape(), [5, 2]);
    assert_eq!(read.tensor("target").unwrap().data(), [0i64, 1, 2, 3, 4].map(i64::to_le_bytes).concat());
    let all = read.tensors();
    let again = safetensors::serialize(all, &None).unwrap();
    fs::write(path(&folder), again).unwrap();
    let (theirs, ours) =
        (Records::open(path(&folder)).unwrap().batch(&[4, 1]).unwrap(), tensors(5).batch(&[4, 1]).unwrap());
    assert_eq!((theirs.inputs, theirs.target), (ours.inputs, ours.target));
}

#[test]
fn a_large_data_set_is_written_in_several_chunks() {
    struct Wide;
    impl Dataset for Wide {
        fn len(&self) -> usize {
            70
        }
        fn batch(&self, rows: &[i64]) -> Result<Batch> {
            // A megabyte a row.
            let target = Tensor::from_slice(rows).to_kind(Kind::Float);
            Ok(Batch { inputs: vec![target.unsqueeze(1).repeat([1, 1 << 18])], target })
        }
    }
    let folder = Scratch::new();
    write_records(&Wide, path(&folder)).unwrap();
    let batch = Records::open(path(&folder)).unwrap().batch(&[69, 16, 15, 0]).unwrap();
    let expected = Tensor::from_slice(&[69f32, 16.0, 15.0, 0.0]);
    assert_eq!(batch.target, expected);
    assert_eq!(batch.inputs[0].amin([1], false), expected);
    assert_eq!(batch.inputs[0].amax([1], false), expected);
}

#[test]
fn what_is_no_file_of_records_is_an_error() {
    let folder = Scratch::new();
    let file = |json: &str, data: usize| {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    };
    let tensor = |name: &str, shape: &str, offsets: &str| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}"#)
    };
    let two = |a: &str, b: &str| format!("{{{a},{b}}}");
    let target = tensor("target", "[2]", "[0,8]");
    let cases = [
        (vec![], "its header is cut off"),
        (b"1,2,3\n4,5,6\n".to_vec(), "its header is cut off"),
        ((1u64 << 40).to_le_bytes().to_vec(), "its header is cut off"),
        (file("{}", 0), "it has no tensor `target`"),
        (file(&format!("{{{target}}}"), 7), "target is cut off"),
        (file(&format!("{{{target}}}"), 9), "it goes on after its last tensor"),
        (file(&two(&target, &tensor("inputs.0", "[2]", "[0,8]")), 8), "its tensors overlap"),
        (file(&two(&target, &tensor("inputs.0", "[2]", "[12,20]")), 20), "leave bytes between"),
        (
            file(&two(&target, &tensor("inputs.0", "[3]", "[8,20]")), 20),
            "`inputs.0` is [3], where `target` has 2 rows",
        ),
        (file(&two(&target, &tensor("inputs.1", "[2]", "[8,16]")), 16), "and no `inputs.0`"),
        (file(&two(&target, &target), 8), "target is there twice"),
        (file(&format!("{{{}}}", tensor("target", "[0]", "[0,0]")), 0), "`target` is [0]: no row in it"),
        (file(&format!("{{{}}}", tensor("target", "[]", "[0,4]")), 4), "`target` is []: no row in it"),
        (
            file(r#"{"target":{"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,0]}}"#, 0),
            "impossible size",
        ),
    ];
    for (bytes, says) in cases {
        fs::write(path(&folder), bytes).unwrap();
        let error = Records::open(path(&folder)).unwrap_err().to_string();
        assert!(error.contains("data.safetensors") && error.contains(says), "{says}: {error}");
    }
    assert!(matches!(Records::open(folder.join("absent")), Err(Error::Io { .. })));
    assert!(Records::open("/dev/zero").unwrap_err().to_string().ends_with("not a regular file but a device"));
}

#[test]
fn rows_of_no_bytes_are_no_way_to_promise_more_than_there_is() {
    let folder = Scratch::new();
    for shape in ["[4611686018427387904,0]", "[2,0,4611686018427387904,4611686018427387904]", "[2,0]"] {
        let json = format!(r#"{{"target":{{"dtype":"F32","shape":{shape},"data_offsets":[0,0]}}}}"#);
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.as_bytes());
        fs::write(path(&folder), bytes).unwrap();
        // No row has a number in it: an empty batch or an error, and no panic.
        match Records::open(path(&folder)).and_then(|records| records.batch(&[records.len() as i64 - 1])) {
            Ok(batch) => assert_eq!(batch.target.numel(), 0),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn no_flipped_bit_brings_it_down() {
    let folder = Scratch::new();
    write_records(&tensors(3), path(&folder)).unwrap();
    let good = fs::read(path(&folder)).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(path(&folder), bytes).unwrap();
        if let Ok(records) = Records::open(path(&folder)) {
            let batch = records.batch(&[2, 0]).unwrap();
            batch.check(2).unwrap();
            assert!(batch.inputs.iter().all(|input| input.numel() <= 12));
        }
    }
}

#[test]
fn a_file_that_shrinks_is_an_error_and_not_the_end_of_the_process() {
    let folder = Scratch::new();
    write_records(&tensors(50), path(&folder)).unwrap();
    let records = Records::open(path(&folder)).unwrap();
    OpenOptions::new().write(true).open(path(&folder)).unwrap().set_len(200).unwrap();
    assert!(matches!(records.batch(&[49]), Err(Error::Io { .. })));
}

#[test]
fn what_cannot_be_written_leaves_what_was_there() {
    struct Uneven;
    impl Dataset for Uneven {
        fn len(&self) -> usize {
            3
        }
        fn batch(&self, rows: &[i64]) -> Result<Batch> {
            let width = rows.iter().max().copied().unwrap_or(0) + 1;
            let target = Tensor::zeros([rows.len() as i64], (Kind::Float, Device::Cpu));
            Ok(Batch { inputs: vec![target.unsqueeze(1).repeat([1, width])], target })
        }
    }
    let folder = Scratch::new();
    fs::write(path(&folder), "before").unwrap();
    let complex = Tensor::zeros([3], (Kind::ComplexFloat, Device::Cpu));
    let cases = [
        (
            write_records(&Uneven, path(&folder)),
            "input 0: expected an input of shape rows of [1] and Float as the first, got [3, 3]",
        ),
        (
            write_records(&Tensors::new(vec![], complex).unwrap(), path(&folder)),
            "target = ComplexFloat is not allowed",
        ),
        (write_records(&tensors(0), path(&folder)), "the data set has no row to write"),
    ];
    for (result, says) in cases {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(fs::read_to_string(path(&folder)).unwrap(), "before");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}
