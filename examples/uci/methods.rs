//! The methods: each trains a regressor and says what it predicts for the test rows.

use illia::infer::ensemble::{Ensemble, Member};
use illia::infer::moments::Moments;
use illia::likelihood::Gaussian;
use illia::nn::Linear;
use illia::prelude::*;
use illia::{Fit, Ivon, KlSchedule, Prediction, RateSchedule, Result};

use crate::around::{laplace, point, sghmc, swag};
use crate::net::{Noise, Regressor, fit, rows, run};
use crate::protocol::{Outcome, Split};

/// A way to a posterior.
pub struct Method {
    pub name: &'static str,
    /// How many fits are mixed, if nothing else is asked for.
    members: usize,
    make: fn(&nn::Path, i64) -> Result<Regressor>,
    train: fn(&Member<Regressor>, &Data<'_>) -> Result<Predictive>,
}

/// What the docs recommend comes first.
pub static METHODS: [Method; 10] = [
    Method { name: "vi", members: 6, make: Regressor::recommended, train: vi },
    Method { name: "auto", members: 1, make: Regressor::automatic, train: auto },
    Method { name: "ivon", members: 3, make: Regressor::mean_field_fixed, train: ivon },
    Method { name: "laplace", members: 1, make: Regressor::point, train: laplace },
    Method { name: "swag", members: 1, make: Regressor::point, train: swag },
    Method { name: "sghmc", members: 2, make: Regressor::point, train: sghmc },
    Method { name: "moments", members: 3, make: Regressor::mean_field, train: moments },
    Method { name: "ensemble", members: 5, make: Regressor::point, train: point },
    Method { name: "dropout", members: 3, make: Regressor::dropout, train: dropout },
    Method { name: "point", members: 1, make: Regressor::point, train: point },
];

/// What a member is trained on, and for which rows it predicts.
pub struct Data<'a> {
    pub x: &'a Tensor,
    pub y: &'a Tensor,
    pub x_test: &'a Tensor,
}

/// A member's prediction of the test rows: draws of the function's values, or their mean and variance, and the noise.
pub enum Predictive {
    Draws(Prediction, Noise),
    Moments(Tensor, Tensor),
}

impl Predictive {
    /// Under noise of one scale.
    pub fn new(prediction: Prediction, noise: f64) -> Result<Predictive> {
        Ok(Predictive::Draws(prediction, Noise::Same(Gaussian::fixed(noise)?)))
    }

    fn mean(&self) -> Tensor {
        match self {
            Predictive::Draws(prediction, noise) => prediction.predictive_mean(noise.likelihood()),
            Predictive::Moments(mean, _) => mean.shallow_clone(),
        }
    }

    /// Of targets `[test, 1]`: `[test]`.
    fn log_density(&self, y: &Tensor) -> Result<Tensor> {
        match self {
            Predictive::Draws(prediction, noise) => prediction.log_predictive(noise.likelihood(), y),
            Predictive::Moments(mean, variance) => {
                let z = (y - mean).square() / variance;
                Ok(((z + (variance * std::f64::consts::TAU).log()) * -0.5).squeeze_dim(-1))
            }
        }
    }
}

/// Trains on the split's training rows and scores its test rows: an equal mixture of `members` fits, each from a start of
/// its own.
pub fn score(method: &Method, members: Option<usize>, seed: u64, split: &Split) -> Result<Outcome> {
    let count = members.unwrap_or(method.members);
    let features = split.x.size().get(1).copied().unwrap_or(1);
    let mut ensemble = Ensemble::new(count, seed, Device::Cpu, |p| (method.make)(p, features))?;
    let data = [&split.x, &split.y, &split.x_test].map(Tensor::shallow_clone);
    let each = ensemble.each(&data, |member, data| match data {
        [x, y, x_test] => (method.train)(member, &Data { x, y, x_test }),
        _ => Err(illia::Error::configuration("data", data.len(), "three tensors")),
    })?;
    let means: Vec<Tensor> = each.iter().map(Predictive::mean).collect();
    let mean = Tensor::stack(&means, 0).mean_dim(0i64, false, Kind::Float);
    split.outcome(&mean, |y| {
        let each = each.iter().map(|predictive| predictive.log_density(y)).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::stack(&each, 0).logsumexp(0i64, false) - (count as f64).ln())
    })
}

/// Draws for the likelihood's average over the weights: 1000, fewer where there are many test rows, but no fewer than 100.
fn draws(x_test: &Tensor) -> usize {
    (10_000_000 / rows(x_test).max(1)).clamp(100, 1000)
}

/// The library's defaults: `Fit` with no number set.
fn auto(member: &Member<Regressor>, data: &Data<'_>) -> Result<Predictive> {
    let Regressor { net, noise } = &member.net;
    Fit::new(noise.likelihood()).progress(false).run(net, &member.vs, data.x, data.y)?;
    draw(member, data, draws(data.x_test))
}

/// Mean-field Gaussians. Where they don't overlap, the ELBO of their mixture is the mean of theirs and the log of their number more
/// (Jaakkola & Jordan 1998): it is the better posterior. Members of unlike settings make a better mixture still (Wenzel et al. 2020):
/// every other one is of a colder posterior, which underfits less.
fn vi(member: &Member<Regressor>, data: &Data<'_>) -> Result<Predictive> {
    let kl_weight = if member.number.is_multiple_of(2) { 1.0 } else { COLD };
    fit(member, kl_weight, data.x, data.y)?;
    draw(member, data, draws(data.x_test))
}

/// What multiplies the colder members' KL.
const COLD: f64 = 0.5;

/// Masks of dropout (Gal & Ghahramani 2016).
fn dropout(member: &Member<Regressor>, data: &Data<'_>) -> Result<Predictive> {
    fit(member, 1.0, data.x, data.y)?;
    draw(member, data, draws(data.x_test))
}

/// Mean-field Gaussians by their own optimiser (Shen et al. 2024). It wants the whole KL from the first step on.
fn ivon(member: &Member<Regressor>, data: &Data<'_>) -> Result<Predictive> {
    let ivon = Ivon {
        learning_rate: 0.05,
        hess_init: 10.0,
        beta2: 0.999,
        clip_radius: Some(0.2),
        rescale_lr: false,
        ..Ivon::default()
    };
    run(member, ivon, 10_000, RateSchedule::Cosine, KlSchedule::Constant(1.0), data.x, data.y)?;
    draw(member, data, draws(data.x_test))
}

fn draw(member: &Member<Regressor>, data: &Data<'_>, draws: usize) -> Result<Predictive> {
    let Regressor { net, noise } = &member.net;
    let predict = Predict::new().draws(draws).marginal();
    Ok(Predictive::Draws(predict.run(net, data.x_test)?, noise.fixed()?))
}

/// Trained as `vi`, predicted in one pass of means and variances instead of by draws.
fn moments(member: &Member<Regressor>, data: &Data<'_>) -> Result<Predictive> {
    fit(member, 1.0, data.x, data.y)?;
    let Regressor { net, noise } = &member.net;
    tch::no_grad(|| {
        let hidden = through(&Moments::certain(data.x_test)?, &net.hidden)?.relu();
        let output = through(&hidden, &net.output)?;
        Ok(Predictive::Moments(output.mean().shallow_clone(), output.variance() + noise.std()?.powi(2)))
    })
}

fn through(x: &Moments, layer: &Linear) -> Result<Moments> {
    let of = |parameter: &illia::RandomParameter| {
        let sigma = parameter.sigma().unwrap_or_else(|| parameter.mu().zeros_like());
        Moments::new(parameter.mu().detach(), sigma.detach().square())
    };
    let bias = layer.bias.as_ref().map(of).transpose()?;
    x.linear(&of(&layer.weight)?, bias.as_ref())
}
