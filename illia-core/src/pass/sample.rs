//! Outputs drawn from their own normal distributions, in one pass over memory.

// Indices run over arrays whose lengths are constants: the compiler sees that they are in range.
#![allow(clippy::indexing_slicing, clippy::needless_range_loop)]

use tch::Tensor;

use crate::noise::{self, BLOCK, CHUNK, Key, Source};
use crate::simd::isa::{Isa, dispatch};
use crate::simd::{memory, parallel};

/// mean + sqrt(variance) * eps, in place of `mean` where it is plain f32 memory on the CPU.
pub(crate) fn normal(mean: Tensor, variance: &Tensor, key: Key) -> Tensor {
    let (isa, source) = (Isa::best(), Source::normals(key));
    let done = memory::with_slices([Some(&mean), Some(variance)], |slices| {
        parallel::map_blocks(slices, BLOCK, |block, [mean, variance]| {
            sample_block(isa, source, block, mean, variance);
        });
    });
    match done {
        Some(()) => mean,
        None => {
            let eps = noise::normals(key, &mean.size(), mean.kind(), mean.device());
            mean + variance.clamp_min(0.0).sqrt() * eps
        }
    }
}

#[inline(always)]
fn sample_body(source: Source, block: usize, mean: &mut [f32], variance: &[f32]) {
    let mut lanes = source.block(block);
    let mut eps = [0.0; CHUNK];
    let (means, mean_rest) = mean.as_chunks_mut::<CHUNK>();
    let (variances, variance_rest) = variance.as_chunks::<CHUNK>();
    for (mean, variance) in means.iter_mut().zip(variances) {
        lanes.normals(&mut eps);
        for i in 0..CHUNK {
            mean[i] += variance[i].max(0.0).sqrt() * eps[i];
        }
    }
    lanes.normals(&mut eps);
    for ((mean, variance), eps) in mean_rest.iter_mut().zip(variance_rest).zip(eps) {
        *mean += variance.max(0.0).sqrt() * eps;
    }
}

dispatch! {
    fn sample_block(source: Source, block: usize, mean: &mut [f32], variance: &[f32]) = sample_body;
}
