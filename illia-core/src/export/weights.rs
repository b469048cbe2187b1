//! The weights that an export takes from a net.

use super::{Export, What};
use crate::error::{Error, Result};
use crate::graph::{Weight, refused};
use crate::module::BayesianModule;
use crate::parameter::{ById, RandomParameter};
use crate::pass::{Draws, Mode, Pass};

/// Of every parameter: the mean, mean and variance, or as many draws as [`Export`] asks for.
pub(super) fn weights<M: BayesianModule + ?Sized>(net: &M, export: &Export) -> Result<ById<Weight>> {
    let _no_grad = tch::no_grad_guard();
    let named = net.named_parameters();
    let drawn = match &export.what {
        What::Mean => return named.into_iter().map(|(name, p)| Ok((p.id(), mean(name, p)))).collect(),
        What::Moments => return named.into_iter().map(|(name, p)| Ok((p.id(), moments(name, p)?))).collect(),
        What::Draws(0) => return Err(Error::configuration("draws", 0, "at least 1")),
        What::Draws(draws) => all_draws(named, *draws, None),
        What::Given(draws) => all_draws(named, draws.len(), Some(draws)),
    };
    Ok(drawn)
}

fn mean(name: String, parameter: &RandomParameter) -> Weight {
    let held = parameter.held_draw().map(|held| held.weights().detach());
    let weights = held.unwrap_or_else(|| parameter.mean_weights().detach());
    Weight { name, values: vec![weights.copy()], variance: None, covariance: None }
}

/// Mean and variance of each element of a family that has them, as independent numbers or along axes.
fn moments(name: String, parameter: &RandomParameter) -> Result<Weight> {
    let plain = mean(name, parameter);
    let family = parameter.family().filter(|family| family.is_spread() && parameter.held().is_none());
    let Some(family) = family else { return Ok(plain) };
    let turned = parameter.axes().zip(parameter.sigma_along_axes());
    let covariance = turned.map(|(axes, sigma)| (axes.copy(), sigma.detach().square()));
    let independent = || family.moments(parameter.variables());
    let of_axes =
        covariance.as_ref().and_then(|_| Some((parameter.mu().shallow_clone(), parameter.sigma()?)));
    let Some((mean, std)) = of_axes.or_else(independent) else {
        let problem = format!(
            "a posterior of {} has no mean and variance of independent weights; export draws",
            family.name()
        );
        return Err(refused(&plain.name, &problem));
    };
    // Pruned elements are 0.
    let values = if parameter.num_pruned() > 0 { plain.values } else { vec![mean.detach().copy()] };
    Ok(Weight { values, variance: Some(std.detach().square()), covariance, ..plain })
}

/// Draw after draw, as a prediction makes them: the same keys in the same order.
fn all_draws(named: Vec<(String, &RandomParameter)>, draws: usize, given: Option<&Draws>) -> ById<Weight> {
    let parameters: Vec<&RandomParameter> = named.iter().map(|(_, parameter)| *parameter).collect();
    let pass = Pass::over(&parameters, Mode::Function, given.map(Draws::shallow_clone));
    let mut all = ById::default();
    for (name, parameter) in named {
        all.insert(parameter.id(), Weight { name, values: Vec::new(), variance: None, covariance: None });
    }
    for draw in 0..draws {
        if draw > 0 {
            pass.renew(1);
        }
        for parameter in &parameters {
            let is_given = given.is_some_and(|draws| draws.of(parameter.id()).is_some());
            let varies = parameter.is_random() && parameter.held().is_none() || is_given;
            if let Some(weight) =
                all.get_mut(&parameter.id()).filter(|weight| varies || weight.values.is_empty())
            {
                weight.values.push(parameter.draw().weights().detach().copy());
            }
        }
    }
    all
}
