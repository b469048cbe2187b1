//! How each method comes from images to a posterior.

use illia::data::Tensors;
use illia::infer::chain::Chain;
use illia::infer::ensemble::Member;
use illia::infer::laplace::{FittedLaplace, Laplace, Priors, Subset};
use illia::infer::sghmc::Sghmc;
use illia::infer::swag::Swag;
use illia::infer::weights;
use illia::likelihood::Categorical;
use illia::prelude::*;
use illia::{Adam, Draws, Fit, Ivon, KlSchedule, RateSchedule, Result, Sgd};

use crate::train::Recipe;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    Vi,
    Ivon,
    Laplace,
    Swag,
    Sghmc,
    Moments,
    Ensemble,
    Dropout,
    Point,
}

/// What a method ends with beside the net itself.
pub enum Found {
    Net,
    Draws(Draws),
    Laplace(Box<FittedLaplace>),
}

/// Trains a member on images `x` `[N, 1, height, width]` and labels `y` `[N]`.
pub fn find<M: BayesianModule + ModuleT>(
    member: &Member<M>,
    way: Way,
    recipe: Recipe,
    draws: usize,
    x: &Tensor,
    y: &Tensor,
) -> Result<Found> {
    let Member { net, vs, .. } = member;
    let fit = |optimiser: &dyn Fn(Fit<Categorical>) -> Fit<Categorical>, epochs: usize| {
        let fit = Fit::new(Categorical).epochs(epochs).batch_size(recipe.batch_size).progress(false);
        optimiser(fit.kl(KlSchedule::Constant(recipe.kl_weight))).run(net, vs, x, y)
    };
    let adam = Adam { learning_rate: recipe.learning_rate, ..Adam::default() };
    let ivon = Ivon {
        learning_rate: 0.01,
        hess_init: 0.1,
        beta2: 0.9995,
        clip_radius: Some(0.1),
        rescale_lr: false,
        ..Ivon::default()
    };
    match way {
        Way::Ivon => fit(&|fit| fit.optimiser(ivon), recipe.epochs)?,
        _ => fit(&|fit| fit.optimiser(adam), recipe.epochs)?,
    };
    Ok(match way {
        Way::Laplace => {
            let data = Tensors::new(vec![x.shallow_clone()], y.shallow_clone())?;
            let mut laplace = Laplace::classification().subset(Subset::LastLayer).fit(net, &data)?;
            laplace.set(&laplace.optimum(Priors::One, false)?)?;
            Found::Laplace(Box::new(laplace))
        }
        Way::Swag => {
            let sgd = Sgd { learning_rate: 0.01, ..Sgd::default() };
            let mut swag = Swag::default().init(&weights(net))?;
            for _ in 0..recipe.epochs.div_ceil(3) {
                fit(&|fit| fit.optimiser(sgd).learning_rate_schedule(RateSchedule::Constant), 1)?;
                swag.collect(&weights(net))?;
            }
            Found::Draws(swag.draws(net, draws)?)
        }
        Way::Sghmc => {
            // Small steps beside the curvature of the sum over all images; a momentum lasts 20 steps.
            let learning_rate = 0.1 / (x.size().first().copied().unwrap_or(1) as f64).sqrt();
            let sghmc = Sghmc { learning_rate, alpha: 0.05 / learning_rate, ..Sghmc::default() };
            let chain =
                Chain { sghmc, burn_in: 1000, every: 2000 / draws.clamp(1, 2000), draws, batch_size: 256 };
            Found::Draws(chain.run(net, &Categorical, x, y)?)
        }
        _ => Found::Net,
    })
}
