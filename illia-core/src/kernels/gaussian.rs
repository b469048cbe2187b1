//! A Gaussian posterior in two passes over memory a step: its draw, and its update.
//!
//! The draw reads mu and rho and writes w (or sigma), and sums the KL on the way. The update reads the leaf's gradient,
//! makes the noise again from its key (which is cheaper than keeping it: arithmetic hides behind memory), and moves mu,
//! rho and their moments.

use tch::Tensor;

use super::adam::AdamStep;
use super::isa::{Isa, dispatch};
use super::math::{ln, softplus};
use super::{memory, parallel};
use crate::noise::{BLOCK, CHUNK, Key, Lanes, Source};

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
    /// The sum of (d² + sigma²) / 2s² - log(sigma / s) - 1/2, with s the prior's standard deviation.
    pub(crate) fn nats(&self, prior: GaussianPrior) -> f64 {
        let std = f64::from(prior.std);
        self.squares / (2.0 * std * std) - self.log_sigma + self.count * (std.ln() - 0.5)
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

/// The gradients that one backward pass left, and the noise that belongs to them.
#[derive(Debug, Default)]
pub(crate) struct Gradients<'a> {
    /// Of the drawn weights, and the draw's key.
    pub weights: Option<(&'a Tensor, Key)>,
    /// Of mu itself, and of sigma, from estimators that consume those.
    pub mu: Option<&'a Tensor>,
    pub sigma: Option<&'a Tensor>,
    /// Of rho itself: from terms of the loss made by autograd.
    pub rho: Option<&'a Tensor>,
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

/// What an update needs to know of the numbers, in f32.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    mu_adam: AdamStep,
    rho_adam: AdamStep,
    prior_mean: f32,
    /// The KL's weight, and that over the prior's variance.
    weight: f32,
    per_variance: f32,
}

/// One step of mu and of rho, given as (Adam's numbers, [variable, mean, square]), down the loss's gradients and the
/// KL's; false, and nothing is done, for tensors that are not plain f32 memory on the CPU.
pub(crate) fn update(
    [(mu_adam, mu), (rho_adam, rho)]: [(AdamStep, [Tensor; 3]); 2],
    gradients: &Gradients<'_>,
    kl: Option<ClosedKl<'_>>,
) -> bool {
    let isa = Isa::best();
    let numbers = Numbers {
        mu_adam,
        rho_adam,
        prior_mean: kl.map_or(0.0, |kl| kl.prior.mean),
        weight: kl.map_or(0.0, |kl| kl.weight as f32),
        per_variance: kl.map_or(0.0, |kl| (kl.weight / f64::from(kl.prior.std).powi(2)) as f32),
    };
    let Gradients { weights, mu: of_mu, sigma: of_sigma, rho: of_rho } = *gradients;
    let source = weights.map(|(_, key)| Source::normals(key));
    let of_weights = weights.map(|(gradient, _)| gradient);
    let centre = kl.and_then(|kl| kl.centre);
    let [m0, m1, m2] = mu.each_ref().map(Some);
    let [r0, r1, r2] = rho.each_ref().map(Some);
    let tensors = [m0, m1, m2, r0, r1, r2, of_weights, of_mu, of_sigma, of_rho, centre];
    memory::with_slices(tensors, |slices| {
        parallel::map_blocks(slices, BLOCK, |block, slices| {
            update_block(isa, numbers, source, block, slices);
        });
    })
    .is_some()
}

type Chunk = [f32; CHUNK];

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
        kl.add(distance, sigma, n);
    }
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

#[inline(always)]
fn update_body(numbers: Numbers, source: Option<Source>, block: usize, slices: [&mut [f32]; 11]) {
    let mut lanes = source.map(|source| source.block(block));
    for_chunks!(|chunks, _n| slices, 6, {
        let [m0, m1, m2, r0, r1, r2, of_weights, of_mu, of_sigma, of_rho, centre] = chunks;
        let (mut mu_slope, mut sigma_slope, mut rho_slope) = ([0.0; CHUNK], [0.0; CHUNK], [0.0; CHUNK]);
        if let (Some(lanes), Some(of_weights)) = (&mut lanes, of_weights) {
            mu_slope = *of_weights;
            lanes.normals(&mut sigma_slope);
            for i in 0..CHUNK {
                sigma_slope[i] *= of_weights[i];
            }
        }
        add(&mut mu_slope, of_mu, 1.0);
        add(&mut mu_slope, centre, -numbers.per_variance);
        add(&mut sigma_slope, of_sigma, 1.0);
        add(&mut rho_slope, of_rho, 1.0);
        if let (Some(mu), Some(mean), Some(square)) = (m0, m1, m2) {
            update_mu(numbers, mu, mean, square, &mu_slope);
        }
        if let (Some(rho), Some(mean), Some(square)) = (r0, r1, r2) {
            update_rho(numbers, rho, mean, square, &sigma_slope, &rho_slope);
        }
    });
}

#[inline(always)]
fn add(sum: &mut Chunk, terms: Option<&mut Chunk>, factor: f32) {
    if let Some(terms) = terms {
        for i in 0..CHUNK {
            sum[i] += factor * terms[i];
        }
    }
}

#[inline(always)]
fn update_mu(numbers: Numbers, mu: &mut Chunk, mean: &mut Chunk, square: &mut Chunk, slope: &Chunk) {
    for i in 0..CHUNK {
        let slope = slope[i] + (mu[i] - numbers.prior_mean) * numbers.per_variance;
        numbers.mu_adam.apply(&mut mu[i], &mut mean[i], &mut square[i], slope);
    }
}

#[inline(always)]
fn update_rho(
    numbers: Numbers,
    rho: &mut Chunk,
    mean: &mut Chunk,
    square: &mut Chunk,
    of_sigma: &Chunk,
    of_rho: &Chunk,
) {
    for i in 0..CHUNK {
        let (sigma, e) = softplus(rho[i]);
        // 1 / (1 + e) and 1 / sigma by one division; d sigma / d rho is the logistic function.
        let inverse = 1.0 / ((1.0 + e) * sigma);
        let logistic = inverse * sigma * if rho[i] < 0.0 { e } else { 1.0 };
        let of_sigma = of_sigma[i] + sigma * numbers.per_variance - inverse * (1.0 + e) * numbers.weight;
        numbers.rho_adam.apply(&mut rho[i], &mut mean[i], &mut square[i], of_rho[i] + of_sigma * logistic);
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

dispatch! {
    fn update_block(numbers: Numbers, source: Option<Source>, block: usize, slices: [&mut [f32]; 11]) = update_body;
}
