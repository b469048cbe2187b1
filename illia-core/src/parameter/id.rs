//! What a parameter is known by, and what is kept by it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// What a parameter is known by, for as long as the process lives: to passes, draws and optimisers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId(u64);

impl ParameterId {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        ParameterId(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What is known of parameters, by their ids: looked up several times for each in a step.
pub(crate) type ById<T> = HashMap<ParameterId, T, BuildHasherDefault<IdHasher>>;

/// Ids are numbers that nobody can choose: one product spreads them, where a hash against chosen keys would take as long as
/// all else that is done with one.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    fn write_u64(&mut self, n: u64) {
        // Fibonacci hashing: the map takes its buckets from both ends of the word.
        self.0 = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
