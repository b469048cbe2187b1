//! Laplace's approximation against exact answers, and what holds for every net and every mistake. The reference's numbers are among
//! those of `golden_methods.rs`.

#[path = "laplace/exact.rs"]
mod exact;
#[path = "laplace/guarantees.rs"]
mod guarantees;
#[path = "../illia-core/src/files/scratch.rs"]
mod scratch;
