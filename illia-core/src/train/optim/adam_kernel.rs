//! Adam (Kingma & Ba 2015, algorithm 1) in one pass over memory: of one variable, and of a Gaussian posterior's mu and rho
//! together.
//!
//! The posterior's update reads the gradient of the drawn weights, makes the noise again from its key (which is cheaper than
//! keeping it: arithmetic hides behind memory), adds the KL's gradient, and moves mu, rho and their moments.

// Indices run over arrays whose lengths are constants: the compiler sees that they are in range.
#![allow(clippy::indexing_slicing, clippy::needless_range_loop)]

use tch::Tensor;

use crate::noise::{BLOCK as NOISE_BLOCK, CHUNK, Source};
use crate::parameter::fused::{Chunk, ClosedKl, Gradients, for_chunks};
use crate::simd::isa::{Isa, dispatch};
use crate::simd::math::softplus;
use crate::simd::{memory, parallel};
use crate::train::optim::Adam;

/// Elements of one block: no thread takes fewer.
const BLOCK: usize = 4096;

/// The numbers of one step of one variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdamStep {
    /// 1 - beta1: what the mean takes of the new gradient.
    new_mean: f32,
    /// beta2, and 1 - beta2.
    old_square: f32,
    new_square: f32,
    /// The learning rate over 1 - beta1^t.
    rate: f32,
    /// 1 / sqrt(1 - beta2^t).
    root_correction: f32,
    eps: f32,
}

impl AdamStep {
    /// The corrections are 1 - beta^t for both betas.
    pub(crate) fn new(adam: &Adam, correction1: f64, correction2: f64) -> AdamStep {
        AdamStep {
            new_mean: (1.0 - adam.beta1) as f32,
            old_square: adam.beta2 as f32,
            new_square: (1.0 - adam.beta2) as f32,
            rate: (adam.learning_rate / correction1) as f32,
            root_correction: correction2.sqrt().recip() as f32,
            eps: adam.eps as f32,
        }
    }

    #[inline(always)]
    pub(super) fn apply(self, variable: &mut f32, mean: &mut f32, square: &mut f32, gradient: f32) {
        *mean += (gradient - *mean) * self.new_mean;
        *square = *square * self.old_square + gradient * gradient * self.new_square;
        *variable -= self.rate * *mean / (square.sqrt() * self.root_correction + self.eps);
    }
}

/// One step of a variable down its gradient; false, and nothing is done, for tensors that are not plain f32 memory
/// on the CPU.
pub(crate) fn step(
    adam: AdamStep,
    variable: &Tensor,
    mean: &Tensor,
    square: &Tensor,
    gradient: &Tensor,
) -> bool {
    let isa = Isa::best();
    let tensors = [variable, mean, square, gradient].map(Some);
    memory::with_slices(tensors, |slices| {
        parallel::map_blocks(slices, BLOCK, |_, [variable, mean, square, gradient]| {
            step_block(isa, adam, variable, mean, square, gradient);
        });
    })
    .is_some()
}

#[inline(always)]
fn step_body(adam: AdamStep, variable: &mut [f32], mean: &mut [f32], square: &mut [f32], gradient: &[f32]) {
    let moments = mean.iter_mut().zip(square);
    for ((variable, (mean, square)), gradient) in variable.iter_mut().zip(moments).zip(gradient) {
        adam.apply(variable, mean, square, *gradient);
    }
}

dispatch! {
    fn step_block(
        adam: AdamStep,
        variable: &mut [f32],
        mean: &mut [f32],
        square: &mut [f32],
        gradient: &[f32],
    ) = step_body;
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
    [(mu_adam, mu), (rho_adam, rho)]: [(AdamStep, [&Tensor; 3]); 2],
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
    let [m0, m1, m2] = mu.map(Some);
    let [r0, r1, r2] = rho.map(Some);
    let tensors = [m0, m1, m2, r0, r1, r2, of_weights, of_mu, of_sigma, of_rho, centre];
    memory::with_slices(tensors, |slices| {
        parallel::map_blocks(slices, NOISE_BLOCK, |block, slices| {
            update_block(isa, numbers, source, block, slices);
        });
    })
    .is_some()
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
    fn update_block(numbers: Numbers, source: Option<Source>, block: usize, slices: [&mut [f32]; 11]) = update_body;
}
