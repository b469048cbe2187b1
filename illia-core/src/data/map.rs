//! Batches that are changed on their way: conversion, augmentation.

use std::cell::Cell;

use tch::Tensor;

use super::dataset::{Batch, Dataset};
use crate::error::{Error, Result, Within};
use crate::noise::{self, Key};

/// A data set whose batches a function changes: what [`Dataset::map`] gives.
#[derive(Clone)]
pub struct Map<D, F> {
    dataset: D,
    seed: u64,
    change: F,
    epoch: Cell<u64>,
}

impl<D, F> Map<D, F> {
    pub(super) fn new(dataset: D, seed: u64, change: F) -> Self {
        Map { dataset, seed, change, epoch: Cell::new(0) }
    }

    /// A seed for one epoch, far from that of any random parameter's noise: a hash of both.
    fn seed_of(&self, epoch: u64) -> u64 {
        noise::word(Key { seed: self.seed, stream: AUGMENTATION, draw: epoch })
    }
}

/// The stream of seeds, which no random parameter gets: they are numbered from 0 and from 2^63.
const AUGMENTATION: u64 = u64::MAX - 17;

impl<D: Dataset, F: Fn(Batch, &RowNoise) -> Result<Batch>> Dataset for Map<D, F> {
    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn batch(&self, rows: &[i64]) -> Result<Batch> {
        let batch = self.dataset.batch(rows)?;
        let noise = RowNoise { seed: self.seed_of(self.epoch.get()), rows, calls: Cell::new(0) };
        let changed = (self.change)(batch, &noise)?;
        changed.check(rows.len())?;
        Ok(changed)
    }

    fn prefetch(&self, rows: &[i64]) {
        self.dataset.prefetch(rows);
    }

    fn set_epoch(&self, epoch: u64) {
        self.epoch.set(epoch);
        self.dataset.set_epoch(epoch);
    }

    /// That of the data before the change, and of the seed.
    fn fingerprint(&self) -> Result<u64> {
        Ok(self.dataset.fingerprint()? ^ self.seed_of(0))
    }
}

/// Random numbers for the rows of a batch, each row's own: made from the seed, the epoch and the row's number, so that they are the
/// same in any batch that the row comes in. Each call gives other numbers than the one before it.
#[derive(Debug)]
pub struct RowNoise<'a> {
    seed: u64,
    rows: &'a [i64],
    calls: Cell<u64>,
}

impl RowNoise<'_> {
    /// Standard normals, `[rows, ..shape]`, f32 on the CPU.
    ///
    /// # Errors
    /// [`Error::Shape`] for a negative size or one that memory can't hold.
    pub fn normals(&self, shape: &[i64]) -> Result<Tensor> {
        self.filled(shape, noise::fill_normals)
    }

    /// Uniforms in [0, 1), `[rows, ..shape]`, f32 on the CPU.
    ///
    /// # Errors
    /// As [`normals`](Self::normals).
    pub fn uniforms(&self, shape: &[i64]) -> Result<Tensor> {
        self.filled(shape, noise::fill_uniforms)
    }

    /// The rows' numbers in the data set that is mapped.
    pub fn rows(&self) -> &[i64] {
        self.rows
    }

    fn filled(&self, shape: &[i64], fill: impl Fn(Key, &mut [f32])) -> Result<Tensor> {
        let impossible = || Error::Shape {
            layer: "noise".to_owned(),
            expected: "sizes from 0 on that memory can hold".to_owned(),
            given: shape.to_vec(),
        };
        let size = |product: usize, &n: &i64| product.checked_mul(usize::try_from(n).ok()?);
        let each = shape.iter().try_fold(1, size).ok_or_else(impossible)?;
        let len = each.checked_mul(self.rows.len()).ok_or_else(impossible)?;
        let mut values: Vec<f32> = Vec::new();
        values.try_reserve_exact(len).map_err(|_| impossible())?;
        values.resize(len, 0.0);
        let call = self.calls.replace(self.calls.get() + 1);
        for (&row, values) in self.rows.iter().zip(values.chunks_exact_mut(each.max(1))) {
            fill(Key { seed: self.seed, stream: row as u64, draw: call }, values);
        }
        let whole: Vec<i64> = [self.rows.len() as i64].iter().chain(shape).copied().collect();
        Tensor::f_from_slice(&values).within("noise")?.f_reshape(whole).within("noise")
    }
}
