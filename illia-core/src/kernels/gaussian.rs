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
use crate::noise::{BLOCK, CHUNK, Key, Source};

const LANES: usize = 16;

/// N(mean, std²), the prior under which the KL is made here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GaussianPrior {
    pub mean: f32,
    pub std: f32,
}

/// Writes mu + softplus(rho) * eps to `out`, or softplus(rho) if there is no key, and returns the KL to the prior in
/// nats (0 if none is asked for). `centre` is added to the prior's mean. `None`, and nothing is done, for tensors that
/// are not plain f32 memory on the CPU.
pub(crate) fn draw(
    out: &Tensor,
    mu: &Tensor,
    rho: &Tensor,
    centre: Option<&Tensor>,
    key: Option<Key>,
    prior: Option<GaussianPrior>,
) -> Option<f64> {
    let isa = Isa::best();
    let source = key.map(Source::normals);
    memory::with_slices([Some(out), Some(mu), Some(rho), centre], |slices| {
        let sums = parallel::map_blocks(slices, BLOCK, |block, [out, mu, rho, centre]| {
            draw_block(isa, source, prior, block, out, mu, rho, centre)
        });
        sums.iter().sum()
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

/// Elements `from..to`, or none of a slice that is empty.
#[inline(always)]
fn part(slice: &[f32], from: usize, to: usize) -> &[f32] {
    if slice.is_empty() { slice } else { &slice[from..to] }
}

#[inline(always)]
fn draw_body(
    source: Option<Source>,
    prior: Option<GaussianPrior>,
    block: usize,
    out: &mut [f32],
    mu: &[f32],
    rho: &[f32],
    centre: &[f32],
) -> f64 {
    let mut lanes = source.map(|source| source.block(block));
    let mut kl = 0.0;
    let mut from = 0;
    while from < out.len() {
        let to = (from + CHUNK).min(out.len());
        let (out, mu, rho) = (&mut out[from..to], &mu[from..to], &rho[from..to]);
        let n = out.len();
        // Past the end: a standard deviation of 1.
        let mut sigma = [1.0f32; CHUNK];
        for i in 0..n {
            sigma[i] = softplus(rho[i]).0;
        }
        if let Some(lanes) = &mut lanes {
            let mut eps = [0.0; CHUNK];
            lanes.normals(&mut eps);
            for i in 0..n {
                out[i] = mu[i] + sigma[i] * eps[i];
            }
        } else {
            out.copy_from_slice(&sigma[..n]);
        }
        if let Some(prior) = prior {
            kl += kl_of_chunk(prior, mu, &sigma, part(centre, from, to));
        }
        from = to;
    }
    kl
}

/// The sum of (d² + sigma²) / 2s² - log(sigma / s) - 1/2 with d = mu - mean - centre, in an order that no
/// instruction set changes.
#[inline(always)]
fn kl_of_chunk(prior: GaussianPrior, mu: &[f32], sigma: &[f32; CHUNK], centre: &[f32]) -> f64 {
    let n = mu.len();
    let mut squares = [0.0f32; CHUNK];
    for i in 0..n {
        let d = mu[i] - prior.mean;
        squares[i] = d * d + sigma[i] * sigma[i];
    }
    for i in 0..centre.len() {
        let d = mu[i] - prior.mean - centre[i];
        squares[i] = d * d + sigma[i] * sigma[i];
    }
    // log of a product: one logarithm for the mantissas of a lane, the exponents added up.
    let (mut square, mut product, mut exponent) = ([0.0f32; LANES], [1.0f32; LANES], [0i32; LANES]);
    for row in 0..CHUNK / LANES {
        for lane in 0..LANES {
            let bits = sigma[row * LANES + lane].to_bits();
            square[lane] += squares[row * LANES + lane];
            product[lane] *= f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
            exponent[lane] += (bits >> 23) as i32 - 127;
        }
    }
    let (mut quadratic, mut log_sigma) = (0.0, 0.0);
    for lane in 0..LANES {
        quadratic += f64::from(square[lane]);
        log_sigma += f64::from(ln(product[lane])) + f64::from(exponent[lane]) * std::f64::consts::LN_2;
    }
    let std = f64::from(prior.std);
    quadratic / (2.0 * std * std) - log_sigma + n as f64 * (std.ln() - 0.5)
}

#[inline(always)]
fn update_body(numbers: Numbers, source: Option<Source>, block: usize, slices: [&mut [f32]; 11]) {
    let [mu, mu_mean, mu_square, rho, rho_mean, rho_square, of_weights, of_mu, of_sigma, of_rho, centre] =
        slices;
    let Numbers { mu_adam, rho_adam, prior_mean, weight, per_variance } = numbers;
    let mut lanes = source.map(|source| source.block(block));
    let mut from = 0;
    while from < mu.len() {
        let to = (from + CHUNK).min(mu.len());
        let n = to - from;
        let (mut mu_slope, mut sigma_slope, mut rho_slope) = ([0.0; CHUNK], [0.0; CHUNK], [0.0; CHUNK]);
        if let Some(lanes) = &mut lanes {
            lanes.normals(&mut sigma_slope);
            let of_weights = &of_weights[from..to];
            for i in 0..n {
                mu_slope[i] += of_weights[i];
                sigma_slope[i] *= of_weights[i];
            }
        }
        add(&mut mu_slope, part(of_mu, from, to));
        add(&mut sigma_slope, part(of_sigma, from, to));
        add(&mut rho_slope, part(of_rho, from, to));
        for (slope, centre) in mu_slope.iter_mut().zip(part(centre, from, to)) {
            *slope -= centre * per_variance;
        }
        let (mu, mean, square) = (&mut mu[from..to], &mut mu_mean[from..to], &mut mu_square[from..to]);
        for i in 0..n {
            let slope = mu_slope[i] + (mu[i] - prior_mean) * per_variance;
            mu_adam.apply(&mut mu[i], &mut mean[i], &mut square[i], slope);
        }
        let (rho, mean, square) = (&mut rho[from..to], &mut rho_mean[from..to], &mut rho_square[from..to]);
        for i in 0..n {
            let (sigma, e) = softplus(rho[i]);
            // 1 / (1 + e) and 1 / sigma by one division; d sigma / d rho is the logistic function.
            let inverse = 1.0 / ((1.0 + e) * sigma);
            let logistic = inverse * sigma * if rho[i] < 0.0 { e } else { 1.0 };
            let of_sigma = sigma_slope[i] + sigma * per_variance - inverse * (1.0 + e) * weight;
            rho_adam.apply(&mut rho[i], &mut mean[i], &mut square[i], rho_slope[i] + of_sigma * logistic);
        }
        from = to;
    }
}

#[inline(always)]
fn add(sum: &mut [f32; CHUNK], terms: &[f32]) {
    for (sum, term) in sum.iter_mut().zip(terms) {
        *sum += term;
    }
}

dispatch! {
    fn draw_block(
        source: Option<Source>,
        prior: Option<GaussianPrior>,
        block: usize,
        out: &mut [f32],
        mu: &[f32],
        rho: &[f32],
        centre: &[f32],
    ) -> f64 = draw_body;
}

dispatch! {
    fn update_block(numbers: Numbers, source: Option<Source>, block: usize, slices: [&mut [f32]; 11]) = update_body;
}
