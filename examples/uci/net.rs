//! The protocol's net, and how it is trained. Every number here was chosen on rows held out of the training part; none
//! depends on the data set but by the rules that are written out.

use illia::infer::ensemble::Member;
use illia::likelihood::{BetaNll, Gaussian};
use illia::prelude::*;
use illia::{Adam, Optimiser, RateSchedule, Result, Schedule, inverse_softplus};
use tch::nn::Init;

/// How many steps of Adam, for every set.
const STEPS: usize = 10_000;
const LEARNING_RATE: f64 = 0.01;
/// The KL comes in linearly over this part of the run. With the whole KL from the start, units that have learned nothing
/// yet are switched off for good.
const WARM_UP: f64 = 0.95;
/// Where sigma starts.
const SIGMA: f64 = 0.1;
/// The noise's standard deviation before training, of a target of standard deviation 1.
const NOISE: f64 = 0.3;
/// How far noise that is predicted keeps the net from learning a row: none of it at 1 (Seitzer et al. 2022).
const BETA: f64 = 0.5;
/// The scale of the points' prior, which the root of the fan in divides.
const PRIOR: f64 = 2.0;
/// The share of the hidden units that a mask of dropout leaves out.
const DROPOUT: f64 = 0.05;

bnn! {
    /// One hidden layer of 50 ReLU units; one output, or also the noise's.
    #[derive(Debug)]
    pub struct Mlp(features: i64, outputs: i64, inner: Posterior, outer: Posterior, wide: Prior, narrow: Prior):
        [features] -> [outputs]
    {
        estimator: LocalReparameterization;

        pub hidden: Linear(50, posterior: inner, prior: wide) -> relu,
        pub output: Linear(outputs, posterior: outer, prior: narrow),
    }
}

/// The noise of the targets.
pub enum Noise {
    /// Of one scale.
    Same(Gaussian),
    /// Of a scale that the net predicts for each row.
    Predicted(BetaNll),
}

impl Noise {
    /// What the net is trained with, and what its outputs say of targets.
    pub fn likelihood(&self) -> &dyn Likelihood {
        match self {
            Noise::Same(gaussian) => gaussian,
            Noise::Predicted(gaussian) => gaussian,
        }
    }

    /// As it is now, apart from the variables that it is learned by.
    pub fn fixed(&self) -> Result<Noise> {
        Ok(match self {
            Noise::Same(gaussian) => Noise::Same(Gaussian::fixed(gaussian.std())?),
            Noise::Predicted(gaussian) => Noise::Predicted(*gaussian),
        })
    }

    /// The one scale.
    pub fn std(&self) -> Result<f64> {
        match self {
            Noise::Same(gaussian) => Ok(gaussian.std()),
            Noise::Predicted(_) => {
                Err(Error::configuration("noise", "predicted for each row", "of one scale"))
            }
        }
    }
}

/// A net and the noise that is learned with it.
pub struct Regressor {
    pub net: Mlp,
    pub noise: Noise,
}

impl Regressor {
    /// With a Gaussian for each weight, priors whose scales are learned with it, and noise that is predicted.
    pub fn recommended(p: &nn::Path, features: i64) -> Result<Regressor> {
        let prior = |std| Prior::LearnedGaussian { std };
        let net = Mlp::try_new(p, features, 2, gaussian(), gaussian(), prior(1.0), prior(0.3))?;
        Ok(Regressor { net, noise: Noise::Predicted(BetaNll::new(BETA)?) })
    }

    /// With masks of dropout for the hidden units, and noise that is predicted.
    pub fn dropout(p: &nn::Path, features: i64) -> Result<Regressor> {
        let masks = Posterior::dropout(DROPOUT);
        let net = Mlp::try_new(p, features, 2, Posterior::point(), masks, fixed(1.0), fixed(0.3))?;
        Ok(Regressor { net, noise: Noise::Predicted(BetaNll::new(BETA)?) })
    }

    /// With a Gaussian for each weight, priors whose scales are learned with it, and noise of one scale.
    pub fn mean_field(p: &nn::Path, features: i64) -> Result<Regressor> {
        Regressor::with(p, features, gaussian(), |std| Prior::LearnedGaussian { std })
    }

    /// With a Gaussian for each weight, fixed priors and noise of one scale.
    pub fn mean_field_fixed(p: &nn::Path, features: i64) -> Result<Regressor> {
        Regressor::with(p, features, gaussian(), fixed)
    }

    /// With points, and noise of one scale. A learned scale would shrink to nothing around points: the priors are fixed.
    pub fn point(p: &nn::Path, features: i64) -> Result<Regressor> {
        let of_points = Prior::FanIn { scale: PRIOR };
        Regressor::of(p, features, [Posterior::point(); 2], [of_points; 2])
    }

    /// With nothing set: what `bnn!` gives layers that say nothing.
    pub fn automatic(p: &nn::Path, features: i64) -> Result<Regressor> {
        Regressor::of(p, features, [Posterior::Automatic, Posterior::AutomaticLast], [Prior::Automatic; 2])
    }

    fn with(p: &nn::Path, features: i64, posterior: Posterior, prior: fn(f64) -> Prior) -> Result<Regressor> {
        Regressor::of(p, features, [posterior; 2], [prior(1.0), prior(0.3)])
    }

    fn of(p: &nn::Path, features: i64, posteriors: [Posterior; 2], priors: [Prior; 2]) -> Result<Regressor> {
        let ([inner, outer], [wide, narrow]) = (posteriors, priors);
        let net = Mlp::try_new(p, features, 1, inner, outer, wide, narrow)?;
        Ok(Regressor { net, noise: Noise::Same(Gaussian::learned(p, NOISE)?) })
    }
}

fn fixed(std: f64) -> Prior {
    Prior::Gaussian { mean: 0.0, std }
}

fn gaussian() -> Posterior {
    match Posterior::fan_in() {
        Posterior::Gaussian { mu, .. } => {
            Posterior::Gaussian { mu, rho: Init::Const(inverse_softplus(SIGMA)) }
        }
        other => other,
    }
}

/// A weight of the KL that comes in linearly, and then stays.
#[derive(Debug)]
struct Rise {
    steps: f64,
    to: f64,
}

impl Schedule for Rise {
    fn factor(&self, step: usize, _: usize) -> f64 {
        self.to * (step as f64 / self.steps).min(1.0)
    }
}

/// Trains by Adam, with the KL coming in up to `kl_weight`.
pub fn fit(member: &Member<Regressor>, kl_weight: f64, x: &Tensor, y: &Tensor) -> Result<()> {
    let adam = Adam { learning_rate: LEARNING_RATE, ..Adam::default() };
    let kl = KlSchedule::from(Rise { steps: WARM_UP * STEPS as f64, to: kl_weight });
    run(member, adam, STEPS, RateSchedule::Cosine, kl, x, y)
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
    Fit::new(member.net.noise.likelihood())
        .optimiser(optimiser)
        .epochs(epochs(rows(x), steps))
        .batch_size(batch_size(rows(x)))
        .learning_rate_schedule(rate)
        .kl(kl)
        .progress(false)
        .run(&member.net.net, &member.vs, x, y)?;
    Ok(())
}

/// About a quarter of the training rows, within 128 and 256, and all batches alike: a last one of three rows would have a whole step to
/// itself.
fn batch_size(rows: usize) -> usize {
    let about = (rows / 4).clamp(128, 256);
    rows.div_ceil((rows / about).max(1)).max(1)
}

fn epochs(rows: usize, steps: usize) -> usize {
    steps.div_ceil(rows.div_ceil(batch_size(rows)).max(1))
}

pub fn rows(x: &Tensor) -> usize {
    x.size().first().map_or(0, |&n| n.max(0) as usize)
}
