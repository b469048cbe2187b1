//! What libtorch has no single call for: noise, draws and updates in one pass over memory.
//!
//! Each kernel has one body, written over plain slices so that the compiler vectorises it, compiled once for
//! each instruction set ([`isa`]) and run on libtorch's own threads ([`parallel`]). Bodies only add,
//! multiply, divide, take square roots and handle bits, each of which IEEE 754 rounds in one way only, and Rust never
//! contracts a product and a sum: so the bits are the same on every instruction set. Sums are taken block
//! by block in a fixed order: so they are the same for any number of threads.

// Indices run over arrays whose lengths are constants: the compiler sees that they are in range.
#![allow(clippy::indexing_slicing, clippy::needless_range_loop)]

pub(crate) mod finite;

pub(crate) mod isa;
pub(crate) mod math;
pub(crate) mod memory;
pub(crate) mod parallel;
