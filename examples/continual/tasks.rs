//! The tasks: digits whose pixels are in another order each time, or two digits at a time.

use illia::data::{ImageSet, read_image_sets};
use illia::noise;
use illia::prelude::*;
use illia::{Error, Result};

use crate::arguments::Arguments;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    Permuted,
    Split,
}

impl Sort {
    pub fn name(self) -> &'static str {
        match self {
            Sort::Permuted => "permuted",
            Sort::Split => "split",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Sort::Permuted => "Digits with their pixels in another order in each task",
            Sort::Split => "Two digits a task, a head for each",
        }
    }

    /// How many heads the net has, and the classes of each.
    pub fn heads(self, tasks: usize) -> (usize, i64) {
        match self {
            Sort::Permuted => (1, 10),
            Sort::Split => (tasks, 2),
        }
    }
}

/// Examples: the pixels `[N, pixels]`, which head answers `[N]`, and the class `[N]` in it.
#[derive(Debug)]
pub struct Set {
    pub inputs: [Tensor; 2],
    pub target: Tensor,
}

#[derive(Debug)]
pub struct Task {
    pub train: Set,
    pub test: Set,
    /// The number of the head that answers.
    pub head: usize,
}

/// How many of the training digits are kept apart where numbers are chosen.
const HELD_OUT: i64 = 400;

/// The tasks of a seed.
pub fn tasks(arguments: &Arguments, seed: u64) -> Result<Vec<Task>> {
    let (train, test) = match &arguments.data {
        Some(folder) => read_image_sets(folder)?,
        None => crate::small::load()?,
    };
    let rows = train.labels.numel() as i64;
    let part = |set: &ImageSet, from: i64, len: i64| ImageSet {
        images: set.images.narrow(0, from, len),
        labels: set.labels.narrow(0, from, len),
    };
    let (train, test) = match arguments.held_out {
        true if rows > 2 * HELD_OUT => {
            (part(&train, 0, rows - HELD_OUT), part(&train, rows - HELD_OUT, HELD_OUT))
        }
        true => {
            return Err(Error::configuration("--held-out", rows, "only with more than 800 training images"));
        }
        false => (train, test),
    };
    let (train, test) = (pixels(&train), pixels(&test));
    let task = |number: usize| match arguments.sort {
        Sort::Permuted => {
            let n = train.0.size()[1];
            let key = noise::Key { seed, stream: ORDERS, draw: number as u64 };
            let order = noise::uniforms(key, &[n], Kind::Float, Device::Cpu).argsort(0, false);
            let of = |(x, y): &(Tensor, Tensor)| set(&x.index_select(1, &order), y, 0);
            Task { train: of(&train), test: of(&test), head: 0 }
        }
        Sort::Split => {
            let first = 2 * number as i64;
            let of = |(x, y): &(Tensor, Tensor)| {
                let rows = y.ge(first).logical_and(&y.le(first + 1)).nonzero().squeeze_dim(1);
                set(&x.index_select(0, &rows), &(y.index_select(0, &rows) - first), number)
            };
            Task { train: of(&train), test: of(&test), head: number }
        }
    };
    Ok((0..arguments.number).map(task).collect())
}

/// A stream that no parameter of the net has.
const ORDERS: u64 = 1 << 40;

fn set(x: &Tensor, y: &Tensor, head: usize) -> Set {
    let head = y.full_like(head as i64);
    Set { inputs: [x.shallow_clone(), head], target: y.shallow_clone() }
}

fn pixels(set: &ImageSet) -> (Tensor, Tensor) {
    (set.images.flatten(1, -1), set.labels.shallow_clone())
}
