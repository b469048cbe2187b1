//! What each method makes of the same data: draws of the function at other places.

use illia::data::Tensors;
use illia::infer::chain::Chain;
use illia::infer::ensemble::Ensemble;
use illia::infer::laplace::{Laplace, Priors, Structure};
use illia::infer::sghmc::Sghmc;
use illia::infer::swag::Swag;
use illia::infer::weights;
use illia::likelihood::Gaussian;
use illia::prelude::*;
use illia::{Ivon, RateSchedule, Result, Sgd};

use crate::curve::{Curve, NOISE, kaiming};

/// Draws of a prediction.
const DRAWS: usize = 400;

/// What is known, `[n, 1]` each, and where the function is asked for.
pub struct Data<'a> {
    pub x: &'a Tensor,
    pub y: &'a Tensor,
    pub at: &'a Tensor,
}

/// A way to a posterior.
pub type Method = fn(&Data<'_>) -> Result<Prediction>;

/// By the names of their pictures, with their titles.
pub const METHODS: [(&str, &str, Method); 8] = [
    ("nothing", "nothing set", |data| fit(Posterior::Automatic, 1.0, data)),
    ("mean-field", "mean-field Gaussians", |data| fit(mean_field(), 1.0, data)),
    ("ivon", "IVON", ivon),
    ("dropout", "dropout, p = 0.1", |data| fit(Posterior::dropout(0.1), 1.0, data)),
    ("ensemble", "an ensemble of 10", ensemble),
    ("laplace", "Laplace, all weights", laplace),
    ("swag", "SWAG", swag),
    ("chain", "a chain (SGHMC)", chain),
];

/// Mean-field Gaussians that start narrow.
pub fn mean_field() -> Posterior {
    Posterior::Gaussian { mu: kaiming(), rho: nn::Init::Const(-4.0) }
}

/// What [`Fit`] makes of a posterior, under a weight of the KL.
pub fn fit(posterior: Posterior, weight: f64, data: &Data<'_>) -> Result<Prediction> {
    let (net, _vs) = fitted(posterior, weight, data)?;
    Predict::new().draws(DRAWS).run(&net, data.at)
}

fn fitted(posterior: Posterior, weight: f64, data: &Data<'_>) -> Result<(Curve, nn::VarStore)> {
    illia::manual_seed(1);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Curve::try_new(&vs.root(), 1, posterior)?;
    let fit = Fit::new(Gaussian::fixed(NOISE)?).kl(KlSchedule::Constant(weight)).progress(false);
    fit.run(&net, &vs, data.x, data.y)?;
    Ok((net, vs))
}

fn ivon(data: &Data<'_>) -> Result<Prediction> {
    illia::manual_seed(1);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Curve::try_new(&vs.root(), 1, mean_field())?;
    let ivon = Ivon { learning_rate: 0.05, clip_radius: Some(0.2), ..Ivon::default() };
    let fit = Fit::new(Gaussian::fixed(NOISE)?).optimiser(ivon).epochs(5000).progress(false);
    fit.learning_rate_schedule(RateSchedule::Cosine).run(&net, &vs, data.x, data.y)?;
    Predict::new().draws(DRAWS).run(&net, data.at)
}

/// Points from ten starts (Lakshminarayanan et al. 2017).
fn ensemble(data: &Data<'_>) -> Result<Prediction> {
    let mut ensemble = Ensemble::new(10, 1, Device::Cpu, |p| Curve::try_new(p, 1, Posterior::point()))?;
    let tensors = [data.x, data.y].map(Tensor::shallow_clone);
    ensemble.each(&tensors, |member, tensors| match tensors {
        [x, y] => {
            Fit::new(Gaussian::fixed(NOISE)?).progress(false).run(&member.net, &member.vs, x, y).map(drop)
        }
        _ => Ok(()),
    })?;
    ensemble.predict(&Predict::new(), data.at)
}

/// The linear net around the most probable weights, the prior by the evidence (Daxberger et al. 2021).
fn laplace(data: &Data<'_>) -> Result<Prediction> {
    let (net, _vs) = fitted(Posterior::point(), 1.0, data)?;
    let rows = Tensors::new(vec![data.x.shallow_clone()], data.y.shallow_clone())?;
    let mut laplace = Laplace::regression(NOISE).structure(Structure::Full).fit(&net, &rows)?;
    laplace.set(&laplace.optimum(Priors::PerParameter, false)?)?;
    laplace.predict(&net, data.at, DRAWS)
}

/// A walk of SGD from the most probable weights on (Maddox et al. 2019), its step half of what is stable.
fn swag(data: &Data<'_>) -> Result<Prediction> {
    let (net, vs) = fitted(Posterior::point(), 1.0, data)?;
    let rows = Tensors::new(vec![data.x.shallow_clone()], data.y.shallow_clone())?;
    let curvature = Laplace::regression(NOISE).structure(Structure::Full).fit(&net, &rows)?.precision();
    let mut largest = f64::MIN_POSITIVE;
    for block in curvature {
        largest = block.f_linalg_eigvalsh("L")?.max().double_value(&[]).max(largest);
    }
    let sgd = Sgd { learning_rate: data.x.size()[0] as f64 / largest, ..Sgd::default() };
    let walk = Fit::new(Gaussian::fixed(NOISE)?).epochs(10).batch_size(16).optimiser(sgd).progress(false);
    let walk = walk.learning_rate_schedule(RateSchedule::Constant);
    let mut swag = Swag::default().init(&weights(&net))?;
    for _ in 0..100 {
        walk.run(&net, &vs, data.x, data.y)?;
        swag.collect(&weights(&net))?;
    }
    Predict::new().run_draws(&net, &swag.draws(&net, DRAWS)?, data.at)
}

/// A Markov chain through the weights, from the most probable ones: what the others approximate, as far as it got in 40,000 steps.
fn chain(data: &Data<'_>) -> Result<Prediction> {
    let (net, _vs) = fitted(Posterior::point(), 1.0, data)?;
    // In proportion to the posterior's narrowest direction; a momentum lasts 100 steps.
    let learning_rate = 0.01 * NOISE / (data.x.size()[0] as f64).sqrt();
    let sghmc = Sghmc { learning_rate, alpha: 0.01 / learning_rate, ..Sghmc::default() };
    let chain = Chain { sghmc, burn_in: 10_000, every: 150, draws: 200, ..Chain::default() };
    let draws = chain.run(&net, &Gaussian::fixed(NOISE)?, data.x, data.y)?;
    Predict::new().run_draws(&net, &draws, data.at)
}
