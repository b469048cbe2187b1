//! Memory does not grow with the size of a data set on disk. A process of its own: it measures its own memory.

#[path = "../illia-core/src/files/scratch.rs"]
mod scratch;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use illia::data::{Dataset, Records, write_records};
use illia::prelude::*;
use scratch::Scratch;

const ROWS: u64 = 1 << 19;
const COLUMNS: u64 = 1 << 10;

/// 2 GiB: rows of 1024 f32 and their targets, all zero, which take no room on a file system with sparse files.
fn sparse(folder: &Path) -> PathBuf {
    let path = folder.join("large.safetensors");
    let (x, y) = (ROWS * COLUMNS * 4, ROWS * 4);
    let header = format!(
        r#"{{"inputs.0":{{"dtype":"F32","shape":[{ROWS},{COLUMNS}],"data_offsets":[0,{x}]}},"target":{{"dtype":"F32","shape":[{ROWS}],"data_offsets":[{x},{}]}}}}"#,
        x + y
    );
    let mut file = File::create(&path).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len(8 + header.len() as u64 + x + y).unwrap();
    path
}

/// The most memory that this process has ever held, in MB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

bnn! {
    struct Line: [1024] -> [1] { posterior: Gaussian(rho: -4.0); head: Linear(1) }
}

#[cfg(target_os = "linux")]
#[test]
fn an_epoch_over_two_gigabytes_takes_less_than_500_megabytes() {
    illia::manual_seed(1);
    let before = peak();
    let folder = Scratch::new();
    let data = Records::open(sparse(&folder)).unwrap().map(3, |mut batch, noise| {
        batch.inputs[0] = &batch.inputs[0] + noise.normals(&[1])?;
        Ok(batch)
    });
    let (train, validation) = data.split(0.9, 1).unwrap();
    let train = train.prefetched().unwrap();
    assert_eq!(train.len() + validation.len(), ROWS as usize);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Line::new(&vs.root());
    // The file's targets are zeros: what there is to learn is that nothing depends on the inputs, which are one number in all columns.
    let fit = Fit::new(illia::likelihood::Gaussian::fixed(1.0).unwrap());
    let fit = fit.epochs(1).batch_size(1024).learning_rate(1e-2).progress(false);
    let history =
        fit.run_with(&net, &vs, &train, |inputs, _| Ok(net.try_forward(&inputs[0])?.squeeze_dim(1)));
    let nll = history.unwrap().epochs[0].nll;
    // Less than that of targets with as much spread again, which is what a net has that has learned nothing of a sum of 1,024 weights.
    assert!(nll < 0.5 * (2.0 * std::f64::consts::PI).ln() + 0.5, "{nll}");

    let mut sum = 0.0;
    // Every row once, far apart as a shuffle's are.
    let (len, stride) = (validation.len() as i64, 7919);
    let rows: Vec<i64> = (0..len).map(|row| row * stride % len).collect();
    for rows in rows.chunks(512) {
        let batch = validation.batch(rows).unwrap();
        sum += batch.inputs[0].sum(Kind::Double).double_value(&[]) / COLUMNS as f64;
    }
    // Zeros and one standard normal a row: within four standard deviations of their sum.
    assert!(sum != 0.0 && sum.abs() < 4.0 * (len as f64).sqrt(), "{sum}");

    // Written again, to be read by somebody else: as much data go through the process once more.
    let copy = folder.join("copy.safetensors");
    write_records(&validation, &copy).unwrap();
    assert_eq!(Records::open(&copy).unwrap().len(), validation.len());
    assert!(peak() < 500, "{} MB", peak());
    println!("{} MB at most, {before} MB of them before the first batch", peak());
}
