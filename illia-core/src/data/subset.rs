//! Some rows of a data set as a data set.

use super::dataset::{Batch, Dataset, check_rows};
use crate::error::{Error, Result};
use crate::noise::{self, Key};

/// Some rows of another data set, in an order of their own: what [`Dataset::subset`] and [`Dataset::split`] give.
#[derive(Debug, Clone)]
pub struct Subset<D> {
    dataset: D,
    rows: Vec<i64>,
}

impl<D: Dataset> Subset<D> {
    pub(super) fn new(dataset: D, rows: Vec<i64>) -> Result<Self> {
        check_rows(&rows, dataset.len())?;
        Ok(Subset { dataset, rows })
    }

    pub(super) fn split(dataset: D, fraction: f64, seed: u64) -> Result<(Self, Self)>
    where
        D: Clone,
    {
        let first = (dataset.len() as f64 * fraction).round();
        // NaN is not in the range either.
        if !(1.0..=dataset.len() as f64 - 1.0).contains(&first) {
            let allowed =
                format!("above 0 and below 1, such that each part of {} rows gets one", dataset.len());
            return Err(Error::configuration("fraction", fraction, &allowed));
        }
        let mut rows = shuffled(dataset.len(), seed);
        rows.truncate(first as usize);
        Ok(Self::parted(dataset, rows))
    }

    /// These rows, and the rest.
    pub(super) fn parted(dataset: D, mut rows: Vec<i64>) -> (Self, Self)
    where
        D: Clone,
    {
        // Files are read faster forwards.
        rows.sort_unstable();
        let rest = (0..dataset.len() as i64).filter(|row| rows.binary_search(row).is_err()).collect();
        (Subset { dataset: dataset.clone(), rows }, Subset { dataset, rows: rest })
    }

    /// Which rows of the whole data set these are.
    pub fn rows(&self) -> &[i64] {
        &self.rows
    }

    /// The rows' numbers in the whole data set; None for one that this subset has not.
    fn of_whole(&self, rows: &[i64]) -> Option<Vec<i64>> {
        let number = |&row: &i64| usize::try_from(row).ok().and_then(|row| self.rows.get(row)).copied();
        rows.iter().map(number).collect()
    }
}

/// All rows in the order of a random word for each: a random order, which needs no state.
pub(super) fn shuffled(len: usize, seed: u64) -> Vec<i64> {
    let word = |row: i64| noise::word(Key { seed, stream: SPLIT, draw: row as u64 });
    let mut rows: Vec<i64> = (0..len as i64).collect();
    rows.sort_by_cached_key(|&row| (word(row), row));
    rows
}

/// The stream of splits, which no random parameter gets: they are numbered from 0 and from 2^63.
const SPLIT: u64 = u64::MAX - 16;

impl<D: Dataset> Dataset for Subset<D> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn batch(&self, rows: &[i64]) -> Result<Batch> {
        check_rows(rows, self.rows.len())?;
        self.dataset.batch(&self.of_whole(rows).unwrap_or_default())
    }

    fn prefetch(&self, rows: &[i64]) {
        if let Some(rows) = self.of_whole(rows) {
            self.dataset.prefetch(&rows);
        }
    }

    fn set_epoch(&self, epoch: u64) {
        self.dataset.set_epoch(epoch);
    }

    /// That of the whole data set, and of which rows these are.
    fn fingerprint(&self) -> Result<u64> {
        let mut rows = crc32fast::Hasher::new();
        self.rows.iter().for_each(|row| rows.update(&row.to_le_bytes()));
        Ok(self.dataset.fingerprint()?.rotate_left(1) ^ u64::from(rows.finalize()))
    }
}
