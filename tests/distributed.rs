//! Several processes on this machine train what one would, say what is wrong with one of them, and never hang.
//!
//! Each test starts this program anew, once for each rank, to run [`job::run`] alone.

#[path = "distributed/exact.rs"]
mod exact;
#[path = "distributed/faults.rs"]
mod faults;
#[path = "distributed/job.rs"]
mod job;
#[path = "distributed/launch.rs"]
mod launch;
#[path = "../illia-core/src/files/scratch.rs"]
mod scratch;

#[test]
#[ignore = "one process of those that the other tests start"]
fn one_process() {
    job::run();
}
