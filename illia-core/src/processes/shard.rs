//! Which rows of a batch are whose.

use tch::Tensor;

use crate::data::Batch;

/// One process's part of a batch: `rows` of its `of` rows, from number `first` on.
///
/// Parts are as equal as they can be and cover every row once, so that no remainder is dropped or doubled: each counts by its
/// [`share`](Self::share) of the rows.
///
/// ```
/// use illia_core::processes::Shard;
///
/// // 10 rows over 4 processes: 2, 3, 2, 3.
/// let parts: Vec<Shard> = (0..4).map(|rank| Shard::of(10, rank, 4)).collect();
/// assert_eq!(parts.iter().map(|part| part.rows).collect::<Vec<_>>(), [2, 3, 2, 3]);
/// assert_eq!(parts[3].of_rows(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), [7, 8, 9]);
/// assert_eq!(parts[3].share(), 0.3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shard {
    /// The number of its first row within the batch.
    pub first: usize,
    /// How many rows it has; none, where there are fewer rows than processes.
    pub rows: usize,
    /// How many rows the batch has.
    pub of: usize,
}

impl Shard {
    /// The part of process `rank` of `size` in a batch of `batch` rows.
    pub fn of(batch: usize, rank: usize, size: usize) -> Shard {
        Shard { first: 0, rows: batch, of: batch }.part(rank, size)
    }

    /// Part `part` of `parts` of this one: what goes through the net at a time.
    #[must_use]
    pub fn part(self, part: usize, parts: usize) -> Shard {
        // In 128 bits no product overflows.
        let before = |n: usize| (self.rows as u128 * n as u128 / parts.max(1) as u128) as usize;
        let (start, end) = (before(part), before(part + 1));
        Shard { first: self.first + start, rows: end.saturating_sub(start), of: self.of }
    }

    /// Which part of the whole batch's mean its own mean is.
    pub fn share(self) -> f64 {
        self.rows as f64 / self.of.max(1) as f64
    }

    /// Its rows of the whole batch's. Where it has none, the batch's first one, which counts by a share of 0: every process
    /// takes part in every step.
    pub fn of_rows(self, rows: &[i64]) -> &[i64] {
        let (first, len) = self.computed();
        rows.get(first..first + len).unwrap_or(rows)
    }

    /// Its rows of a tensor that has the whole batch's.
    pub(crate) fn of_tensor(self, whole: &Tensor) -> Tensor {
        let (first, len) = self.computed();
        whole.narrow(0, first as i64, len as i64)
    }

    /// Its rows of a batch that has those of `shard`, of which it is a part.
    pub(crate) fn of_batch(self, batch: &Batch, shard: Shard) -> Batch {
        let first = if self.rows == 0 { 0 } else { self.first - shard.computed().0 };
        let within = Shard { first, rows: self.rows, of: shard.rows };
        let inputs = batch.inputs.iter().map(|input| within.of_tensor(input)).collect();
        Batch { inputs, target: within.of_tensor(&batch.target) }
    }

    /// Where the rows that go through the net begin within the batch, and how many they are: at least one.
    pub(crate) fn computed(self) -> (usize, usize) {
        if self.rows == 0 { (0, 1) } else { (self.first, self.rows) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_part_for_any_numbers() {
        for batch in 1..40usize {
            let rows: Vec<i64> = (0..batch as i64).collect();
            for size in 1..9 {
                let parts: Vec<Shard> = (0..size).map(|rank| Shard::of(batch, rank, size)).collect();
                let own =
                    |part: &Shard| if part.rows == 0 { Vec::new() } else { part.of_rows(&rows).to_vec() };
                assert_eq!(parts.iter().flat_map(own).collect::<Vec<_>>(), rows);
                assert!((parts.iter().map(|part| part.share()).sum::<f64>() - 1.0).abs() < 1e-12);
                let (least, most) = parts.iter().fold((batch, 0), |(l, m), p| (l.min(p.rows), m.max(p.rows)));
                assert!(most - least <= 1, "{batch} over {size}");
                // The parts of a part are it.
                let whole = parts[size - 1];
                let within: Vec<Shard> = (0..3).map(|part| whole.part(part, 3)).collect();
                assert_eq!(within.iter().map(|part| part.rows).sum::<usize>(), whole.rows);
                assert_eq!(within[0].first, whole.first);
            }
        }
    }
}
