//! A Gaussian posterior's draw and its KL in one pass over memory: reads mu and rho, writes w (or sigma), and sums the KL
//! on the way.

// Indices run over arrays whose lengths are constants: the compiler sees that they are in range.
#![allow(clippy::indexing_slicing, clippy::needless_range_loop)]

use tch::Tensor;

use crate::noise::{BLOCK, CHUNK, Key, Lanes, Source};
use crate::simd::isa::{Isa, dispatch};
use crate::simd::math::{LEAST_EXPONENT, ln, softplus};
use crate::simd::{memory, parallel};

const LANES: usize = 16;

/// N(mean, std²), the prior under which the KL is made here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GaussianPrior {
    pub mean: f32,
    pub std: f32,
}

/// What a draw sums up for the KL to a Gaussian prior.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct KlSums {
    /// d² + sigma², with d the distance of mu from the prior's mean.
    squares: f64,
    log_sigma: f64,
    count: f64,
}

impl KlSums {
    /// Of the norms of d and of sigma, and the sum of log sigma.
    pub(crate) fn of_norms([distance, sigma, log_sigma]: [f64; 3], count: usize) -> KlSums {
        KlSums { squares: distance * distance + sigma * sigma, log_sigma, count: count as f64 }
    }

    /// The sum of (d² + sigma²) / 2s² - log(sigma / s) - 1/2, with s the prior's standard deviation.
    pub(crate) fn nats(&self, prior: GaussianPrior) -> f64 {
        let std = f64::from(prior.std);
        self.squares / (2.0 * std * std) - self.log_sigma + self.count * (std.ln() - 0.5)
    }

    /// Without so many pruned elements, each of which has added a square of 1.
    pub(crate) fn without(mut self, pruned: usize) -> KlSums {
        if self.count > 0.0 {
            self.squares -= pruned as f64;
            self.count -= pruned as f64;
        }
        self
    }

    /// The derivative of [`nats`](Self::nats) by the prior's standard deviation.
    pub(crate) fn by_std(&self, prior: GaussianPrior) -> f64 {
        let std = f64::from(prior.std);
        (self.count - self.squares / (std * std)) / std
    }
}

impl std::iter::Sum for KlSums {
    fn sum<I: Iterator<Item = KlSums>>(parts: I) -> KlSums {
        parts.fold(KlSums::default(), |a, b| KlSums {
            squares: a.squares + b.squares,
            log_sigma: a.log_sigma + b.log_sigma,
            count: a.count + b.count,
        })
    }
}

/// Writes mu + softplus(rho) * eps to `out`, or softplus(rho) if there is no key, and returns the KL's sums (zeros if
/// there is no prior). `centre` is added to the prior's mean. `None`, and nothing is done, for tensors that are not plain
/// f32 memory on the CPU.
pub(crate) fn draw(
    out: &Tensor,
    mu: &Tensor,
    rho: &Tensor,
    centre: Option<&Tensor>,
    key: Option<Key>,
    prior: Option<GaussianPrior>,
) -> Option<KlSums> {
    let isa = Isa::best();
    let source = key.map(Source::normals);
    memory::with_slices([Some(out), Some(mu), Some(rho), centre], |slices| {
        let sums = parallel::map_blocks(slices, BLOCK, |block, slices| {
            draw_block(isa, source, prior, block, slices)
        });
        sums.into_iter().sum()
    })
}

/// Writes mu + sigma * eps to `out`: [`draw`]'s numbers, where sigma is known; false, and nothing is done, for tensors that are
/// not plain f32 memory on the CPU.
pub(crate) fn draw_scaled(out: &Tensor, mu: &Tensor, sigma: &Tensor, key: Key) -> bool {
    let (isa, source) = (Isa::best(), Source::normals(key));
    memory::with_slices([Some(out), Some(mu), Some(sigma)], |slices| {
        parallel::map_blocks(slices, BLOCK, |block, slices| draw_scaled_block(isa, source, block, slices));
    })
    .is_some()
}

/// The gradients that one backward pass left, and the noise that belongs to them.
#[derive(Debug, Default)]
pub(crate) struct Gradients<'a> {
    /// Of the drawn weights, and the draw's key: where a step has one draw.
    pub weights: Option<(&'a Tensor, Key)>,
    /// Of mu and of sigma: from estimators that consume those, and where a step has several draws, of these.
    pub mu: Option<&'a Tensor>,
    pub sigma: Option<&'a Tensor>,
    /// Of rho itself: from terms of the loss made by autograd.
    pub rho: Option<&'a Tensor>,
}

/// Adds a draw's gradient to that of mu, and times the draw's noise to that of sigma; false, and nothing is done, for tensors
/// that are not plain f32 memory on the CPU.
pub(crate) fn accumulate(of_mu: &Tensor, of_sigma: &Tensor, gradient: &Tensor, key: Key) -> bool {
    let (isa, source) = (Isa::best(), Source::normals(key));
    memory::with_slices([Some(of_mu), Some(of_sigma), Some(gradient)], |slices| {
        parallel::map_blocks(slices, BLOCK, |block, slices| accumulate_block(isa, source, block, slices));
    })
    .is_some()
}

/// The KL to a Gaussian prior as part of the loss.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosedKl<'a> {
    pub prior: GaussianPrior,
    /// Added to the prior's mean, element by element.
    pub centre: Option<&'a Tensor>,
    /// What the KL is multiplied by.
    pub weight: f64,
}

pub(crate) type Chunk = [f32; CHUNK];

/// Runs `$body` on each chunk of the slices `$of`, bound to `$chunks: [Option<&mut Chunk>; N]`, and on what is left in
/// zero-padded copies, of which the first `$written` are copied back. `$n` elements are real. A macro, because closures
/// are not inlined by force.
macro_rules! for_chunks {
    (|$chunks:ident, $n:ident| $of:ident, $written:literal, $body:block) => {{
        let mut parts = $of.map(|slice| slice.as_chunks_mut::<CHUNK>());
        let count = parts.iter().map(|(chunks, _)| chunks.len()).max().unwrap_or(0);
        for i in 0..count {
            let $n = CHUNK;
            let $chunks = parts.each_mut().map(|(chunks, _)| chunks.get_mut(i));
            $body
        }
        let $n = parts.iter().map(|(_, rest)| rest.len()).max().unwrap_or(0);
        if $n > 0 {
            let mut padded = [[0.0; CHUNK]; _];
            for (padded, (_, rest)) in padded.iter_mut().zip(&parts) {
                padded[..rest.len()].copy_from_slice(rest);
            }
            {
                let mut present = parts.iter().map(|(_, rest)| !rest.is_empty());
                let $chunks = padded.each_mut().map(|chunk| present.next().unwrap_or(false).then_some(chunk));
                $body
            }
            for (padded, (_, rest)) in padded.iter().zip(&mut parts).take($written) {
                rest.copy_from_slice(&padded[..rest.len()]);
            }
        }
    }};
}

pub(crate) use for_chunks;

#[inline(always)]
fn draw_body(
    source: Option<Source>,
    prior: Option<GaussianPrior>,
    block: usize,
    slices: [&mut [f32]; 4],
) -> KlSums {
    let mut lanes = source.map(|source| source.block(block));
    let mut kl = KlLanes::new();
    for_chunks!(|chunks, n| slices, 1, {
        if let [Some(out), Some(mu), Some(rho), centre] = chunks {
            draw_chunk(lanes.as_mut(), prior, &mut kl, n, out, mu, rho, centre.as_deref());
        }
    });
    if prior.is_some() { kl.sums() } else { KlSums::default() }
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn draw_chunk(
    lanes: Option<&mut Lanes>,
    prior: Option<GaussianPrior>,
    kl: &mut KlLanes,
    n: usize,
    out: &mut Chunk,
    mu: &Chunk,
    rho: &Chunk,
    centre: Option<&Chunk>,
) {
    let mut sigma = [0.0; CHUNK];
    for i in 0..CHUNK {
        sigma[i] = softplus(rho[i]).0;
    }
    let low = any_low(rho);
    if low {
        for i in 0..CHUNK {
            // A pruned element is exactly what its mu is: 0.
            sigma[i] = if rho[i] == f32::NEG_INFINITY { 0.0 } else { sigma[i] };
        }
    }
    match lanes {
        None => *out = sigma,
        Some(lanes) => {
            lanes.normals(out);
            for i in 0..CHUNK {
                out[i] = mu[i] + sigma[i] * out[i];
            }
        }
    }
    if let Some(prior) = prior {
        let mut distance = [0.0; CHUNK];
        for i in 0..CHUNK {
            distance[i] = mu[i] - prior.mean;
        }
        if let Some(centre) = centre {
            for i in 0..CHUNK {
                distance[i] -= centre[i];
            }
        }
        if low {
            for i in 0..CHUNK {
                // What a pruned element adds is known: see `KlSums::without`. Where sigma is no longer softplus(rho), the KL
                // must not look as if it had arrived.
                let pruned = rho[i] == f32::NEG_INFINITY;
                let known = if rho[i] < LEAST_EXPONENT { f32::INFINITY } else { distance[i] };
                (distance[i], sigma[i]) = if pruned { (0.0, 1.0) } else { (known, sigma[i]) };
            }
        }
        kl.add(distance, sigma, n);
    }
}

/// Whether a rho is minus infinity (pruned), or so low that sigma is no longer softplus(rho): by the least of each lane, which costs one instruction where comparing each element costs
/// several.
#[inline(always)]
fn any_low(rho: &Chunk) -> bool {
    let mut least = [0.0f32; LANES];
    for rho in rho.as_chunks::<LANES>().0 {
        for lane in 0..LANES {
            least[lane] = if rho[lane] < least[lane] { rho[lane] } else { least[lane] };
        }
    }
    let mut any = false;
    for lane in 0..LANES {
        any |= least[lane] < LEAST_EXPONENT;
    }
    any
}

/// Sums over a block, lane by lane: in an order that no instruction set changes.
struct KlLanes {
    count: usize,
    squares: [f64; LANES],
    /// log sigma as a product of mantissas, which stays in [1, 2), and a sum of exponents: one logarithm in the end.
    product: [f32; LANES],
    exponent: [i32; LANES],
}

impl KlLanes {
    #[inline(always)]
    fn new() -> KlLanes {
        KlLanes { count: 0, squares: [0.0; LANES], product: [1.0; LANES], exponent: [0; LANES] }
    }

    #[inline(always)]
    fn add(&mut self, mut distance: Chunk, mut sigma: Chunk, n: usize) {
        let mut squares = [0.0; LANES];
        for i in n..CHUNK {
            (distance[i], sigma[i]) = (0.0, 1.0);
        }
        for (distance, sigma) in distance.as_chunks::<LANES>().0.iter().zip(sigma.as_chunks::<LANES>().0) {
            for lane in 0..LANES {
                let bits = sigma[lane].to_bits();
                squares[lane] += distance[lane] * distance[lane] + sigma[lane] * sigma[lane];
                self.product[lane] *= f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
                self.exponent[lane] += (bits >> 23) as i32 - 127;
            }
        }
        for lane in 0..LANES {
            // Sixteen mantissas and the one before: below 2^17.
            let bits = self.product[lane].to_bits();
            self.product[lane] = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
            self.exponent[lane] += (bits >> 23) as i32 - 127;
            self.squares[lane] += f64::from(squares[lane]);
        }
        self.count += n;
        // The squares of what only pads are 1.
        self.squares[0] -= (CHUNK - n) as f64;
    }

    #[inline(always)]
    fn sums(self) -> KlSums {
        let mut logs = [0.0; LANES];
        for lane in 0..LANES {
            logs[lane] = ln(self.product[lane]);
        }
        let (mut squares, mut log_sigma) = (0.0, 0.0);
        for lane in 0..LANES {
            squares += self.squares[lane];
            log_sigma += f64::from(logs[lane]) + f64::from(self.exponent[lane]) * std::f64::consts::LN_2;
        }
        KlSums { squares, log_sigma, count: self.count as f64 }
    }
}

dispatch! {
    fn draw_block(
        source: Option<Source>,
        prior: Option<GaussianPrior>,
        block: usize,
        slices: [&mut [f32]; 4],
    ) -> KlSums = draw_body;
}

#[inline(always)]
fn draw_scaled_body(source: Source, block: usize, slices: [&mut [f32]; 3]) {
    let mut lanes = source.block(block);
    for_chunks!(|chunks, _n| slices, 1, {
        if let [Some(out), Some(mu), Some(sigma)] = chunks {
            lanes.normals(out);
            for i in 0..CHUNK {
                out[i] = mu[i] + sigma[i] * out[i];
            }
        }
    });
}

dispatch! {
    fn draw_scaled_block(source: Source, block: usize, slices: [&mut [f32]; 3]) = draw_scaled_body;
}

#[inline(always)]
fn accumulate_body(source: Source, block: usize, slices: [&mut [f32]; 3]) {
    let mut lanes = source.block(block);
    for_chunks!(|chunks, _n| slices, 2, {
        if let [Some(of_mu), Some(of_sigma), Some(gradient)] = chunks {
            let mut eps = [0.0; CHUNK];
            lanes.normals(&mut eps);
            for i in 0..CHUNK {
                of_mu[i] += gradient[i];
                of_sigma[i] += gradient[i] * eps[i];
            }
        }
    });
}

dispatch! {
    fn accumulate_block(source: Source, block: usize, slices: [&mut [f32]; 3]) = accumulate_body;
}
