//! The methods that begin at the most probable weights.

use illia::data::Tensors;
use illia::infer::chain::Chain;
use illia::infer::ensemble::Member;
use illia::infer::laplace::{FittedLaplace, Laplace, Priors, Structure};
use illia::infer::sghmc::Sghmc;
use illia::infer::swag::Swag;
use illia::infer::weights;
use illia::likelihood::Gaussian;
use illia::prelude::*;
use illia::{Fit, RateSchedule, Result, Sgd};

use crate::methods::{Data, Predictive};
use crate::net::{Regressor, fit, rows};

/// A Gaussian around the most probable weights, prior and noise by the evidence.
pub fn laplace(member: &Member<Regressor>, data: &Data<'_>) -> Result<Predictive> {
    let laplace = evidence(member, data)?;
    let marginals = laplace.marginals(&member.net.net, data.x_test)?;
    let variance = marginals.variance + laplace.sigma_noise().powi(2);
    Ok(Predictive::Moments(marginals.mean.to_kind(Kind::Float), variance.to_kind(Kind::Float)))
}

/// The most probable weights alone; mixed, a deep ensemble (Lakshminarayanan et al. 2017).
pub fn point(member: &Member<Regressor>, data: &Data<'_>) -> Result<Predictive> {
    let noise = evidence(member, data)?.sigma_noise();
    Predictive::new(Predict::new().draws(1).run(&member.net.net, data.x_test)?, noise)
}

/// The noise that the most probable weights leave is too small, having been fitted with them; the evidence's is not.
fn evidence(member: &Member<Regressor>, data: &Data<'_>) -> Result<FittedLaplace> {
    fit(member, 1.0, data.x, data.y)?;
    let rows = Tensors::new(vec![data.x.shallow_clone()], data.y.shallow_clone())?;
    let Regressor { net, noise } = &member.net;
    let mut laplace = Laplace::regression(noise.std()?).structure(Structure::Full).fit(net, &rows)?;
    laplace.set(&laplace.optimum(Priors::PerParameter, true)?)?;
    Ok(laplace)
}

/// A Gaussian from the iterates of SGD around the most probable weights, under the evidence's noise.
pub fn swag(member: &Member<Regressor>, data: &Data<'_>) -> Result<Predictive> {
    let laplace = evidence(member, data)?;
    let noise = laplace.sigma_noise();
    let net = &member.net.net;
    // A quarter of what is stable with momentum in the direction of the largest curvature, so that the iterates go far.
    let mut largest = f64::MIN_POSITIVE;
    for precision in laplace.precision() {
        largest = precision.f_linalg_eigvalsh("L")?.max().double_value(&[]).max(largest);
    }
    let sgd = Sgd { learning_rate: rows(data.x) as f64 / largest, ..Sgd::default() };
    let walk = Fit::new(Gaussian::fixed(noise)?).epochs(5).batch_size(16).optimiser(sgd).progress(false);
    let walk = walk.learning_rate_schedule(RateSchedule::Constant);
    let mut swag = Swag::default().init(&weights(net))?;
    for _ in 0..40 {
        walk.run(net, &member.vs, data.x, data.y)?;
        swag.collect(&weights(net))?;
    }
    let draws = swag.draws(net, 300)?;
    Predictive::new(Predict::new().run_draws(net, &draws, data.x_test)?, noise)
}

/// A chain through the weights from the most probable ones, under the evidence's noise.
pub fn sghmc(member: &Member<Regressor>, data: &Data<'_>) -> Result<Predictive> {
    let noise = evidence(member, data)?.sigma_noise();
    let net = &member.net.net;
    // In proportion to the posterior's narrowest direction; a momentum lasts 100 steps.
    let learning_rate = 0.05 * noise / (rows(data.x) as f64).sqrt();
    let sghmc = Sghmc { learning_rate, alpha: 0.01 / learning_rate, ..Sghmc::default() };
    let chain = Chain { sghmc, burn_in: 2000, every: 25, draws: 200, batch_size: 2048 };
    let draws = chain.run(net, &Gaussian::fixed(noise)?, data.x, data.y)?;
    Predictive::new(Predict::new().run_draws(net, &draws, data.x_test)?, noise)
}
