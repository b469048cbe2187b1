//! Key -> numbers: sixteen lanes of xoshiro128++ for each block of elements, started from a hash of the key.
//!
//! xoshiro128++ is D. Blackman and S. Vigna, *Scrambled Linear Pseudorandom Number Generators* (2021); the mixing
//! function is SplitMix64's (D. Stafford's variant 13); normals are G. Box and M. Muller's pairs (1958).

// Indices run over arrays whose lengths are constants: the compiler sees that they are in range.
#![allow(clippy::indexing_slicing, clippy::needless_range_loop)]

use super::Key;
use crate::simd::isa::dispatch;
use crate::simd::math::{neg_two_ln_of_31_bits, sin_cos};

/// Elements that one generator makes. Part of what a key means: another number gives other noise.
pub(crate) const BLOCK: usize = 4096;

/// Elements made at a time: a whole number of steps of all lanes, small enough to stay in the first cache.
pub(crate) const CHUNK: usize = 256;

const LANES: usize = 16;
const HALF: usize = CHUNK / 2;

/// A key that has been hashed: two words, so that two blocks in one program never meet by chance (2^-128).
#[derive(Clone, Copy)]
pub(crate) struct Source(u64, u64);

/// What the numbers are for. The same key gives unrelated numbers for each.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Normal = 0,
    Uniform = 1,
}

impl Source {
    pub(crate) fn new(key: Key, purpose: Purpose) -> Source {
        let words = [key.seed, key.stream, key.draw, purpose as u64];
        // The starting words are digits of pi.
        let hash = |start: u64| words.iter().fold(start, |hash, &word| absorb(hash, word));
        Source(hash(0x243f_6a88_85a3_08d3), hash(0x1319_8a2e_0370_7344))
    }

    /// What [`super::normals`] are made from.
    pub(crate) fn normals(key: Key) -> Source {
        Source::new(key, Purpose::Normal)
    }

    /// One word of the hash, to seed another generator with.
    pub(crate) fn word(self) -> u64 {
        self.0
    }

    /// The generator of the block that starts at element `block * BLOCK`.
    #[inline(always)]
    pub(crate) fn block(self, block: usize) -> Lanes {
        let (a, b) = (absorb(self.0, block as u64), absorb(self.1, block as u64));
        let mut state = [[0; LANES]; 4];
        for lane in 0..LANES {
            let step = (lane as u64 + 1).wrapping_mul(GOLDEN);
            let (a, b) = (mix(a.wrapping_add(step)), mix(b.wrapping_add(step)));
            state[0][lane] = a as u32;
            state[1][lane] = (a >> 32) as u32;
            state[2][lane] = b as u32;
            state[3][lane] = (b >> 32) as u32;
        }
        Lanes(state)
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// One to one in each argument: keys that differ in one field never share a hash.
#[inline(always)]
fn absorb(hash: u64, word: u64) -> u64 {
    mix(hash.wrapping_mul(GOLDEN) ^ mix(word.wrapping_add(GOLDEN)))
}

#[inline(always)]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The state of a block's sixteen generators.
pub(crate) struct Lanes([[u32; LANES]; 4]);

impl Lanes {
    #[inline(always)]
    fn bits(&mut self) -> [u32; CHUNK] {
        let mut bits = [0; CHUNK];
        let [mut s0, mut s1, mut s2, mut s3] = self.0;
        for row in bits.as_chunks_mut::<LANES>().0 {
            for lane in 0..LANES {
                row[lane] = s0[lane].wrapping_add(s3[lane]).rotate_left(7).wrapping_add(s0[lane]);
                let t = s1[lane] << 9;
                s2[lane] ^= s0[lane];
                s3[lane] ^= s1[lane];
                s1[lane] ^= s2[lane];
                s0[lane] ^= s3[lane];
                s2[lane] ^= t;
                s3[lane] = s3[lane].rotate_left(11);
            }
        }
        self.0 = [s0, s1, s2, s3];
        bits
    }

    // No closure stands in for `purpose`: closures are not inlined by force, and compile for the portable set.
    #[inline(always)]
    fn next(&mut self, purpose: Purpose, out: &mut [f32; CHUNK]) {
        match purpose {
            Purpose::Normal => self.normals(out),
            Purpose::Uniform => self.uniforms(out),
        }
    }

    /// The next standard normals.
    #[inline(always)]
    pub(crate) fn normals(&mut self, out: &mut [f32; CHUNK]) {
        let bits = self.bits();
        let (radii, angles) = bits.split_at(HALF);
        let (first, second) = out.split_at_mut(HALF);
        for i in 0..HALF {
            (first[i], second[i]) = box_muller(radii[i], angles[i]);
        }
    }

    /// The next uniforms in [0, 1): 24 bits, all that f32 holds at an even spacing.
    #[inline(always)]
    pub(crate) fn uniforms(&mut self, out: &mut [f32; CHUNK]) {
        let bits = self.bits();
        for i in 0..CHUNK {
            out[i] = (bits[i] >> 8) as i32 as f32 * (1.0 / 16_777_216.0);
        }
    }
}

/// Two independent standard normals.
#[inline(always)]
fn box_muller(radius: u32, angle: u32) -> (f32, f32) {
    // u in (0, 1], never 0: 2^-32 at the least, so no normal lies beyond sqrt(64 ln 2) = 6.66. A conversion from 31 bits
    // because every instruction set has it for signed integers.
    let r = neg_two_ln_of_31_bits((radius >> 1) as i32 as f32 + 0.5).sqrt();
    // An angle between -pi/4 and pi/4 from 30 bits; the two bits left turn that quarter into the whole circle.
    let (s, c) = sin_cos((angle << 2) as i32 as f32 * (std::f32::consts::FRAC_PI_4 / 2_147_483_648.0));
    let c = f32::from_bits(c.to_bits() ^ (angle & 0x8000_0000));
    let swap = angle & 0x4000_0000 != 0;
    (r * if swap { s } else { c }, r * if swap { c } else { s })
}

/// Fills at most one block with the elements from `block * BLOCK` on.
#[inline(always)]
fn fill(source: Source, purpose: Purpose, block: usize, out: &mut [f32]) {
    let mut lanes = source.block(block);
    let (chunks, rest) = out.as_chunks_mut::<CHUNK>();
    for chunk in chunks {
        lanes.next(purpose, chunk);
    }
    if !rest.is_empty() {
        // A whole chunk, of which the tail is not used: an element does not depend on how many follow it.
        let mut chunk = [0.0; CHUNK];
        lanes.next(purpose, &mut chunk);
        rest.copy_from_slice(&chunk[..rest.len()]);
    }
}

#[inline(always)]
fn normals_body(source: Source, block: usize, out: &mut [f32]) {
    fill(source, Purpose::Normal, block, out);
}

#[inline(always)]
fn uniforms_body(source: Source, block: usize, out: &mut [f32]) {
    fill(source, Purpose::Uniform, block, out);
}

dispatch! {
    /// Fills at most [`BLOCK`] elements with the normals of one block.
    pub(super) fn normals_block(source: Source, block: usize, out: &mut [f32]) = normals_body;
}

dispatch! {
    /// Fills at most [`BLOCK`] elements with the uniforms of one block.
    pub(super) fn uniforms_block(source: Source, block: usize, out: &mut [f32]) = uniforms_body;
}
