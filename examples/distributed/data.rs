//! Data that every process makes for itself, the same bits everywhere, without a download.

use illia::noise::{self, Key};
use illia::prelude::*;

/// Inputs and the classes that they are of.
pub struct Split {
    pub x: Tensor,
    pub y: Tensor,
}

fn key(stream: u64) -> Key {
    Key { seed: 20_240_601, stream, draw: 0 }
}

fn normals(stream: u64, shape: &[i64]) -> Tensor {
    noise::normals(key(stream), shape, Kind::Float, Device::Cpu)
}

/// Whole numbers from 0 to `below` - 1.
fn numbers(stream: u64, below: i64, shape: &[i64]) -> Tensor {
    (noise::uniforms(key(stream), shape, Kind::Double, Device::Cpu) * below).floor().to_kind(Kind::Int64)
}

/// `n` images `[1, 28, 28]` to train on and 1,024 fresh ones: one of ten smooth patterns under noise of twice its size.
pub fn images(n: i64) -> [Split; 2] {
    let patterns = normals(1, &[10, 1, 32, 32]).avg_pool2d(5, 1, 0, false, true, None::<i64>) * 5.0;
    split(n, |rows| {
        let y = numbers(2, 10, &[rows]);
        Split { x: patterns.index_select(0, &y) + normals(3, &[rows, 1, 28, 28]) * 2.0, y }
    })
}

/// `n` sequences of 32 tokens to train on and 1,024 fresh ones: each token is the class with probability 1/4, else any.
pub fn sequences(n: i64) -> [Split; 2] {
    split(n, |rows| {
        let y = numbers(4, 16, &[rows]);
        let given = noise::uniforms(key(5), &[rows, 32], Kind::Float, Device::Cpu).lt(0.25);
        Split { x: y.unsqueeze(1).where_self(&given, &numbers(6, 16, &[rows, 32])), y }
    })
}

fn split(n: i64, make: impl Fn(i64) -> Split) -> [Split; 2] {
    let all = make(n + 1024);
    [(0, n), (n, 1024)]
        .map(|(first, rows)| Split { x: all.x.narrow(0, first, rows), y: all.y.narrow(0, first, rows) })
}
