//! Several processes that work on one run: what training needs of them, whoever joins them.
//!
//! `illia-distributed` joins them by libtorch's own engine; a [`ProcessGroup`] of one's own stands in its place.

mod agreement;
mod shard;

pub(crate) use agreement::{alike, exchange, hash};
pub use shard::Shard;

use std::fmt::Debug;

use tch::Tensor;

use crate::error::Result;

/// The processes of a run, of which this is one: each calls the same collectives in the same order.
///
/// Tensors must have one shape and kind in all processes. What a reduction gives has the same bits in all of them, and from run to run
/// for the same number of processes.
pub trait ProcessGroup: Debug + Send + Sync {
    /// This process's number, from 0.
    fn rank(&self) -> usize;

    /// How many processes there are.
    fn size(&self) -> usize;

    /// Gives `tensor` in all processes what the reduction makes of all of them, element by element.
    ///
    /// # Errors
    /// [`Error::Processes`](crate::Error::Processes) where a process has ended or gives no answer in time.
    fn all_reduce(&self, tensor: &mut Tensor, reduction: Reduction) -> Result<()>;

    /// Gives `tensor` in all processes what it is in that of rank `root`.
    ///
    /// # Errors
    /// As [`all_reduce`](Self::all_reduce), and for a rank that there isn't.
    fn broadcast(&self, tensor: &mut Tensor, root: usize) -> Result<()>;

    /// Every process's tensor, in the order of the ranks.
    ///
    /// # Errors
    /// As [`all_reduce`](Self::all_reduce).
    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>>;

    /// Returns when all processes have come here.
    ///
    /// # Errors
    /// As [`all_reduce`](Self::all_reduce).
    fn barrier(&self) -> Result<()>;
}

/// What an all-reduce makes of the processes' numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The largest.
    Max,
}
