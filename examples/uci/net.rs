//! The protocol's net, and how it is trained. Every number here was chosen on rows held out of the training part; none
//! depends on the data set but by the rules that are written out.

use illia::infer::ensemble::Member;
use illia::likelihood::Gaussian;
use illia::prelude::*;
use illia::{Adam, Fit, KlSchedule, Optimiser, RateSchedule, Result, inverse_softplus};
use tch::nn::Init;

/// How many steps of Adam, for every set.
const STEPS: usize = 10_000;
const LEARNING_RATE: f64 = 0.01;
/// The KL comes in linearly over this part of the run. With the whole KL from the start, units that have learned nothing
/// yet are switched off for good.
const WARM_UP: f64 = 0.95;
/// Where sigma starts: small, so that the fit starts as that of a plain net.
const SIGMA: f64 = 0.005;
/// The noise's standard deviation before training, of a target of standard deviation 1.
const NOISE: f64 = 0.3;

bnn! {
    /// One hidden layer of 50 ReLU units.
    #[derive(Debug)]
    pub struct Mlp(features: i64, posterior: Posterior, wide: Prior, narrow: Prior): [features] -> [1] {
        posterior: posterior;
        estimator: LocalReparameterization;

        pub hidden: Linear(50, prior: wide) -> relu,
        pub output: Linear(1, prior: narrow),
    }
}

/// A net and the noise that is learned with it.
pub struct Regressor {
    pub net: Mlp,
    pub noise: Gaussian,
}

impl Regressor {
    /// With a Gaussian for each weight, and priors whose scales are learned with it.
    pub fn mean_field(p: &nn::Path, features: i64) -> Result<Regressor> {
        let prior = |std| Prior::LearnedGaussian { std };
        Regressor::new(p, features, gaussian(), prior)
    }

    /// With a Gaussian for each weight, and fixed priors.
    pub fn mean_field_fixed(p: &nn::Path, features: i64) -> Result<Regressor> {
        Regressor::new(p, features, gaussian(), |std| Prior::Gaussian { mean: 0.0, std })
    }

    /// With another posterior. A learned scale would shrink to nothing around points: the priors are fixed.
    pub fn with(p: &nn::Path, features: i64, posterior: Posterior) -> Result<Regressor> {
        Regressor::new(p, features, posterior, |std| Prior::Gaussian { mean: 0.0, std })
    }

    fn new(p: &nn::Path, features: i64, posterior: Posterior, prior: fn(f64) -> Prior) -> Result<Regressor> {
        let net = Mlp::try_new(p, features, posterior, prior(1.0), prior(0.3))?;
        Ok(Regressor { net, noise: Gaussian::learned(p, NOISE)? })
    }
}

fn gaussian() -> Posterior {
    match Posterior::fan_in() {
        Posterior::Gaussian { mu, .. } => {
            Posterior::Gaussian { mu, rho: Init::Const(inverse_softplus(SIGMA)) }
        }
        other => other,
    }
}

/// Trains by Adam, with the KL coming in.
pub fn fit(member: &Member<Regressor>, x: &Tensor, y: &Tensor) -> Result<()> {
    let adam = Adam { learning_rate: LEARNING_RATE, ..Adam::default() };
    let epochs = epochs(rows(x), STEPS);
    run(
        member,
        adam,
        STEPS,
        RateSchedule::Cosine,
        KlSchedule::WarmUp { epochs: WARM_UP * epochs as f64 },
        x,
        y,
    )
}

/// Trains by any optimiser for about `steps` steps.
pub fn run(
    member: &Member<Regressor>,
    optimiser: impl Optimiser + 'static,
    steps: usize,
    rate: RateSchedule,
    kl: KlSchedule,
    x: &Tensor,
    y: &Tensor,
) -> Result<()> {
    Fit::new(&member.net.noise)
        .optimiser(optimiser)
        .epochs(epochs(rows(x), steps))
        .batch_size(batch_size(rows(x)))
        .learning_rate_schedule(rate)
        .kl(kl)
        .progress(false)
        .run(&member.net.net, &member.vs, x, y)?;
    Ok(())
}

/// 1/30 of the training rows, but no fewer than 128 and no more than 256.
fn batch_size(rows: usize) -> usize {
    (rows / 30).clamp(128, 256).min(rows)
}

fn epochs(rows: usize, steps: usize) -> usize {
    steps.div_ceil(rows.div_ceil(batch_size(rows).max(1)).max(1))
}

pub fn rows(x: &Tensor) -> usize {
    x.size().first().map_or(0, |&n| n.max(0) as usize)
}
