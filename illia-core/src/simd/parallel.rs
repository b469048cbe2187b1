//! Blocks of slices, worked on by libtorch's own threads.
//!
//! libtorch's OpenMP workers spin for a while after each of its parallel regions; a second pool of threads would
//! fight them for the cores. Where libtorch uses GNU OpenMP (Linux), the same library starts our regions,
//! so the workers that spin are those that work. Elsewhere the blocks are worked on in the calling thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};

/// Below this many elements a parallel region costs more than it gains.
const SERIAL: usize = 16 * 1024;

/// Parts handed out to each thread: more than one, so that a thread that lost its core does not hold up the rest.
const PARTS_PER_THREAD: usize = 4;

/// Cuts slices of one length into blocks (the last may be shorter) and maps `work(index of the block, its slices)`
/// over them; the results stand in the order of the blocks, whatever thread made them. A slice may be empty: then
/// all its blocks are.
///
/// A panic in `work` is raised again here once all threads are done.
pub(crate) fn map_blocks<const N: usize, R: Copy + Default + Send>(
    slices: [&mut [f32]; N],
    block: usize,
    work: impl Fn(usize, [&mut [f32]; N]) -> R + Sync,
) -> Vec<R> {
    let len = slices.iter().map(|slice| slice.len()).max().unwrap_or(0);
    let block = block.max(1);
    let mut results = vec![R::default(); len.div_ceil(block)];
    let threads = if len <= SERIAL { 1 } else { pool::threads() };
    let rest = Rest { first: 0, slices, results: &mut results, block };
    if threads <= 1 {
        rest.work(&work);
        return results;
    }
    let part = len.div_ceil(block).div_ceil(threads * PARTS_PER_THREAD);
    let rest = Mutex::new(Some(rest));
    let panicked: Mutex<Option<Box<dyn Any + Send>>> = Mutex::new(None);
    pool::run(threads, &|| {
        let worked = catch_unwind(AssertUnwindSafe(|| {
            while let Some(part) = take(&rest, part) {
                part.work(&work);
            }
        }));
        if let Err(payload) = worked {
            *panicked.lock().unwrap_or_else(PoisonError::into_inner) = Some(payload);
        }
    });
    if let Some(payload) = panicked.into_inner().unwrap_or_else(PoisonError::into_inner) {
        resume_unwind(payload);
    }
    results
}

/// The blocks that no thread has taken yet.
struct Rest<'a, const N: usize, R> {
    first: usize,
    slices: [&'a mut [f32]; N],
    results: &'a mut [R],
    block: usize,
}

fn take<'a, const N: usize, R>(
    rest: &Mutex<Option<Rest<'a, N, R>>>,
    blocks: usize,
) -> Option<Rest<'a, N, R>> {
    let mut guard = rest.lock().unwrap_or_else(PoisonError::into_inner);
    let (part, left) = guard.take()?.split(blocks);
    *guard = (!left.results.is_empty()).then_some(left);
    Some(part)
}

impl<'a, const N: usize, R> Rest<'a, N, R> {
    fn split(self, blocks: usize) -> (Self, Self) {
        let Rest { first, slices, results, block } = self;
        let blocks = blocks.min(results.len());
        let (mine, left) = results.split_at_mut(blocks);
        let mut others = [const { None }; N];
        let slices = {
            let mut others = others.iter_mut();
            slices.map(|slice| {
                let at = (blocks * block).min(slice.len());
                let (mine, left) = slice.split_at_mut(at);
                if let Some(other) = others.next() {
                    *other = Some(left);
                }
                mine
            })
        };
        let others = others.map(Option::unwrap_or_default);
        (
            Rest { first, slices, results: mine, block },
            Rest { first: first + blocks, slices: others, results: left, block },
        )
    }

    fn work(self, work: &impl Fn(usize, [&mut [f32]; N]) -> R) {
        let Rest { first, slices, results, block } = self;
        let mut blocks = slices.map(|slice| slice.chunks_mut(block));
        for (index, result) in results.iter_mut().enumerate() {
            *result = work(first + index, blocks.each_mut().map(|chunks| chunks.next().unwrap_or_default()));
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod pool {
    #![allow(unsafe_code)]

    use std::ffi::{c_int, c_uint, c_void};

    // libgomp, which `torch-sys` links: the entry point that GCC compiles `#pragma omp parallel` to.
    unsafe extern "C" {
        fn GOMP_parallel(
            body: extern "C" fn(*mut c_void),
            data: *mut c_void,
            num_threads: c_uint,
            flags: c_uint,
        );
        fn omp_in_parallel() -> c_int;
    }

    /// The size of libtorch's team; 1 within one of its parallel regions.
    ///
    /// Always the whole team: libgomp ends the threads that a smaller one leaves out, and starting them again
    /// costs more than they gain.
    pub(super) fn threads() -> usize {
        // SAFETY: reads a flag of the calling thread; no arguments, no preconditions.
        if unsafe { omp_in_parallel() } != 0 {
            return 1;
        }
        usize::try_from(tch::get_num_threads()).unwrap_or(1)
    }

    /// Runs `body` once in each of at most `threads` threads, and returns when all are done. `body` must not unwind: the
    /// program would abort.
    pub(super) fn run(threads: usize, body: &(dyn Fn() + Sync)) {
        extern "C" fn call(data: *mut c_void) {
            // SAFETY: `data` points to `body` below, which outlives the region and is `Sync`.
            let body = unsafe { &*data.cast_const().cast::<&(dyn Fn() + Sync)>() };
            body();
        }
        let data = (&raw const body).cast_mut().cast::<c_void>();
        let threads = c_uint::try_from(threads).unwrap_or(1);
        // SAFETY: `call` has the C ABI and does not unwind into C (an `extern "C"` function aborts first); GOMP_parallel
        // returns after every thread has left `call`, so `data` is valid for as long as it is used.
        unsafe { GOMP_parallel(call, data, threads, 0) }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod pool {
    pub(super) fn threads() -> usize {
        1
    }

    pub(super) fn run(_threads: usize, body: &(dyn Fn() + Sync)) {
        body();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_once_in_order() {
        for len in [0, 1, 7, 8, 9, SERIAL, SERIAL + 1, 100_003] {
            let (mut a, mut b) = (vec![0f32; len], vec![0f32; len]);
            let firsts = map_blocks([&mut a, &mut b], 8, |index, [a, b]| {
                assert_eq!(a.len(), b.len());
                for (offset, (a, b)) in a.iter_mut().zip(b).enumerate() {
                    *a += (index * 8 + offset) as f32;
                    *b -= *a;
                }
                index
            });
            assert!(firsts.iter().enumerate().all(|(place, &index)| place == index));
            assert_eq!(firsts.len(), len.div_ceil(8));
            assert!(a.iter().enumerate().all(|(place, &value)| value == place as f32));
            assert!(b.iter().enumerate().all(|(place, &value)| value == -(place as f32)));
        }
    }

    #[test]
    fn a_panic_comes_back_to_the_caller() {
        let mut values = vec![0f32; 200_000];
        let caught = catch_unwind(AssertUnwindSafe(|| {
            map_blocks([&mut values], 1000, |index, _| assert_ne!(index, 77, "block 77"))
        }));
        assert!(caught.is_err());
        // and the pool still works
        map_blocks([&mut values], 1000, |_, [part]| part.fill(1.0));
        assert!(values.iter().all(|&value| value == 1.0));
    }
}
