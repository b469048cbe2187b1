//! How long an all-reduce takes by its size, on the processes that a launcher started: what a network gives.
//!
//! `torchrun --no-python --nproc-per-node 2 target/release/examples/reduce_cost`

use std::process::ExitCode;
use std::time::Instant;

use illia_core::Result;
use illia_core::processes::{ProcessGroup, Reduction};
use illia_distributed::Group;
use tch::{Device, Kind, Tensor};

/// Of each size; the median is shown.
const REPEATS: usize = 41;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reduce_cost: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<()> {
    let group = Group::from_env()?;
    if group.rank() == 0 {
        println!("{:>12} {:>12} {:>10}   {} processes", "bytes", "ms", "GB/s", group.size());
    }
    for floats in [1i64, 1 << 10, 1 << 14, 1 << 18, 1 << 20, 1 << 22, 1 << 24] {
        let mut tensor = Tensor::zeros([floats], (Kind::Float, Device::Cpu));
        let mut seconds = Vec::new();
        for _ in 0..REPEATS {
            group.barrier()?;
            let start = Instant::now();
            group.all_reduce(&mut tensor, Reduction::Sum)?;
            seconds.push(start.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let (bytes, median) = (4 * floats, seconds[REPEATS / 2]);
        if group.rank() == 0 {
            println!("{bytes:>12} {:>12.3} {:>10.3}", median * 1e3, bytes as f64 / median / 1e9);
        }
    }
    Ok(())
}
