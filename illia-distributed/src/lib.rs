//! Several processes for [illia](illia_core): libtorch's own process groups.
//!
//! [`Group`] joins the processes that torchrun, SLURM or MPI started, and is what `Fit::processes` takes. The engine is c10d, as it is in
//! libtorch's wheel: `TCPStore`, where processes find each other, and Gloo, which sums their tensors. `docs/distributed.md` is
//! the way from one process to several machines.
//!
//! c10d promises no stable interface: this crate compiles against libtorch 2.13.0 and refuses any other.

#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

mod group;
mod raw;
mod rendezvous;

pub use group::Group;
pub use rendezvous::Rendezvous;
