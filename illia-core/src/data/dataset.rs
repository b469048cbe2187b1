//! What training and prediction need of data: a number of rows, and batches of them.

use tch::{Device, Tensor};

use super::coreset::Coreset;
use super::map::{Map, RowNoise};
use super::prefetched::Prefetched;
use super::subset::Subset;
use crate::error::{Error, Result, Within};
use crate::files;

/// Some rows of a data set: what goes into a net, and what should come out.
#[derive(Debug)]
pub struct Batch {
    /// The net's inputs, each `[rows, ..]`.
    pub inputs: Vec<Tensor>,
    /// What the likelihood compares the net's output with, `[rows, ..]`.
    pub target: Tensor,
}

impl Batch {
    /// How many rows the target has; 0 if it has no axis.
    pub fn rows(&self) -> usize {
        self.target.size().first().map_or(0, |&rows| rows.max(0) as usize)
    }

    /// The same batch on `device`.
    ///
    /// # Errors
    /// [`Error::Torch`] if the device can't be had or has no room.
    pub fn to_device(&self, device: Device) -> Result<Batch> {
        let moved = |tensor: &Tensor| tensor.f_to_device(device).within("batch");
        let inputs = self.inputs.iter().map(moved).collect::<Result<_>>()?;
        Ok(Batch { inputs, target: moved(&self.target)? })
    }

    /// Refuses a batch in which a tensor has another number of rows than `rows`, the number that was asked for.
    ///
    /// # Errors
    /// [`Error::Shape`], which says of which input, or that it is of the target.
    pub fn check(&self, rows: usize) -> Result<()> {
        let numbered = self.inputs.iter().enumerate().map(|(i, tensor)| (format!("input {i}"), tensor));
        for (name, tensor) in numbered.chain([("target".to_owned(), &self.target)]) {
            let given = tensor.size();
            if given.first() != Some(&(rows as i64)) {
                let expected = format!("[{rows}, ..], a row for each example");
                return Err(Error::Shape { layer: name, expected, given });
            }
        }
        Ok(())
    }
}

/// Anything that has a length and gives batches: tensors in memory ([`Tensors`](super::Tensors)), a file on disk
/// ([`Records`](super::Records)), or a type of your own.
///
/// Rows are numbered from 0 to `len() - 1`. The same rows must give the same numbers whenever they are asked for within an
/// epoch, in whatever company: a run that was stopped and goes on asks again for rows that it has had.
///
/// ```
/// use illia_core::Result;
/// use illia_core::data::{Batch, Dataset};
/// use tch::Tensor;
///
/// /// Every whole number and its square.
/// struct Squares;
///
/// impl Dataset for Squares {
///     fn len(&self) -> usize {
///         1_000_000_000
///     }
///     fn batch(&self, rows: &[i64]) -> Result<Batch> {
///         let x = Tensor::from_slice(rows).unsqueeze(1);
///         Ok(Batch { target: &x * &x, inputs: vec![x] })
///     }
/// }
///
/// assert_eq!(i64::try_from(Squares.batch(&[12])?.target).ok(), Some(144));
/// # Ok::<(), illia_core::Error>(())
/// ```
pub trait Dataset {
    /// How many rows there are.
    fn len(&self) -> usize;

    /// The given rows, in the given order; one may be asked for more than once.
    ///
    /// # Errors
    /// For a row that there isn't, and for whatever can go wrong with the source of the data.
    fn batch(&self, rows: &[i64]) -> Result<Batch>;

    /// Is told which rows will be asked for next, so that they can be made ready in the meantime. Does nothing by default.
    fn prefetch(&self, rows: &[i64]) {
        let _ = rows;
    }

    /// Is told at its start which epoch it is, counted from 0, for data that change from one to the next
    /// ([`map`](Self::map)). Does nothing by default. A data set that wraps another passes it on.
    fn set_epoch(&self, epoch: u64) {
        let _ = epoch;
    }

    /// Whether there is no row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A hash by which a run that goes on notices other data: of the length, and of the shapes, kinds and bits of up to 16 rows
    /// from the first to the last. Cheap, so that a change in the other rows goes unnoticed. A data set that
    /// changes from epoch to epoch gives that of what it is made from.
    ///
    /// # Errors
    /// As [`batch`](Self::batch).
    fn fingerprint(&self) -> Result<u64> {
        const SAMPLED: usize = 16;
        let (len, count) = (self.len(), self.len().min(SAMPLED));
        // The first, the last, and as many between them at equal distances.
        let place = |i: usize| (i as u128 * (len - 1) as u128 / (count.max(2) - 1) as u128) as i64;
        let batch = self.batch(&(0..count).map(place).collect::<Vec<_>>())?;
        let mut kinds = crc32fast::Hasher::new();
        kinds.update(format!("{len}").as_bytes());
        let mut bits = crc32fast::Hasher::new();
        for tensor in batch.inputs.iter().chain([&batch.target]) {
            kinds.update(format!(" {:?} {:?}", tensor.kind(), tensor.size()).as_bytes());
            bits.update(&files::bytes_of(tensor)?);
        }
        Ok(u64::from(kinds.finalize()) << 32 | u64::from(bits.finalize()))
    }

    /// Each batch after `change`, which gets the rows' own random numbers for augmentation. They depend on
    /// `seed`, the epoch ([`set_epoch`](Self::set_epoch)) and the row alone, so that a run that goes on sees the bits that it
    /// would have seen, in whatever order and company rows are asked for. `change` must keep the number of rows.
    ///
    /// ```
    /// use illia_core::data::{Batch, Dataset, Tensors};
    /// use tch::{Device, Kind, Tensor};
    ///
    /// let images = Tensor::zeros([100, 1, 28, 28], (Kind::Uint8, Device::Cpu));
    /// let labels = Tensor::zeros([100], (Kind::Int64, Device::Cpu));
    /// let noisy = Tensors::new(vec![images], labels)?.map(7, |batch, noise| {
    ///     let pixels = batch.inputs[0].to_kind(Kind::Float) / 255.0;
    ///     let inputs = vec![pixels + 0.1 * noise.normals(&[1, 28, 28])?];
    ///     Ok(Batch { inputs, ..batch })
    /// });
    /// let first = noisy.batch(&[3, 4])?;
    /// noisy.set_epoch(1);
    /// assert_ne!(first.inputs, noisy.batch(&[3, 4])?.inputs);
    /// # Ok::<(), illia_core::Error>(())
    /// ```
    fn map<F>(self, seed: u64, change: F) -> Map<Self, F>
    where
        Self: Sized,
        F: Fn(Batch, &RowNoise) -> Result<Batch>,
    {
        Map::new(self, seed, change)
    }

    /// The given rows as a data set of their own.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a row that there isn't.
    fn subset(self, rows: Vec<i64>) -> Result<Subset<Self>>
    where
        Self: Sized,
    {
        Subset::new(self, rows)
    }

    /// Two parts with no row in common: `fraction` of the rows, chosen by `seed`, and the rest. The same seed gives the same
    /// parts. Both are handles on the same data: what can't be cloned is split by reference, `(&data).split(..)`.
    ///
    /// # Errors
    /// [`Error::Configuration`] unless `fraction` lies between 0 and 1 and both parts get a row.
    fn split(self, fraction: f64, seed: u64) -> Result<(Subset<Self>, Subset<Self>)>
    where
        Self: Sized + Clone,
    {
        Subset::split(self, fraction, seed)
    }

    /// `examples` of the rows, which are kept to go on by when the rest is gone, and the rest: the coreset of a task in continual learning
    /// (Nguyen et al. 2018, section 3). The same seed gives the same parts.
    ///
    /// ```
    /// use illia_core::data::{Coreset, Dataset, Tensors};
    /// use tch::Tensor;
    ///
    /// let x = Tensor::from_slice(&[0f32, 0.1, 0.2, 5.0, 9.0, 9.1]).unsqueeze(1);
    /// let data = Tensors::new(vec![x], Tensor::from_slice(&[0i64, 0, 0, 1, 2, 2]))?;
    /// let (kept, rest) = (&data).coreset(Coreset::KCenter, 3, 1)?;
    /// assert!(kept.rows().contains(&3), "the one that is far from all others");
    /// assert_eq!(rest.len(), 3);
    /// # Ok::<(), illia_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Configuration`] unless both parts get a row; for [`Coreset::KCenter`] also for inputs that are not finite, and what asking for
    /// all rows at once gives.
    fn coreset(self, how: Coreset, examples: usize, seed: u64) -> Result<(Subset<Self>, Subset<Self>)>
    where
        Self: Sized + Clone,
    {
        let rows = how.rows(&self, examples, seed)?;
        Ok(Subset::parted(self, rows))
    }

    /// The same data, with the next batch made ready on a thread of its own while the caller works on this one.
    ///
    /// # Errors
    /// [`Error::Data`] if the system gives no thread.
    fn prefetched(self) -> Result<Prefetched<Self>>
    where
        Self: Sized + Send + 'static,
    {
        Prefetched::new(self)
    }
}

/// Passes every call on to what a pointer points to.
macro_rules! through_pointer {
    ($($pointer:ty),*) => {$(
        impl<D: Dataset + ?Sized> Dataset for $pointer {
            fn len(&self) -> usize {
                (**self).len()
            }
            fn batch(&self, rows: &[i64]) -> Result<Batch> {
                (**self).batch(rows)
            }
            fn prefetch(&self, rows: &[i64]) {
                (**self).prefetch(rows);
            }
            fn set_epoch(&self, epoch: u64) {
                (**self).set_epoch(epoch);
            }
            fn is_empty(&self) -> bool {
                (**self).is_empty()
            }
            fn fingerprint(&self) -> Result<u64> {
                (**self).fingerprint()
            }
        }
    )*};
}

through_pointer!(&D, Box<D>, std::rc::Rc<D>, std::sync::Arc<D>);

/// Refuses rows that a data set of `len` rows has not.
pub(super) fn check_rows(rows: &[i64], len: usize) -> Result<()> {
    let there = |row: i64| usize::try_from(row).is_ok_and(|row| row < len);
    let Some(row) = rows.iter().copied().find(|&row| !there(row)) else { return Ok(()) };
    let allowed = match len.checked_sub(1) {
        Some(last) => format!("the data set has rows 0 to {last}"),
        None => "the data set has no rows".to_owned(),
    };
    Err(Error::configuration("row", row, &allowed))
}
