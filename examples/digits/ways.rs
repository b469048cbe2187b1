//! How each method comes from images to a posterior. Every number was chosen on `--held-out` digits.

use illia::data::Tensors;
use illia::infer::chain::Chain;
use illia::infer::ensemble::Member;
use illia::infer::laplace::{FittedLaplace, Laplace, Structure, Subset};
use illia::infer::sghmc::Sghmc;
use illia::infer::swag::Swag;
use illia::infer::weights;
use illia::likelihood::Categorical;
use illia::prelude::*;
use illia::{Adam, Draws, Fit, Ivon, KlSchedule, RandomParameter, RateSchedule, Result, Sgd};

use crate::net::{Beliefs, OF_UNITS};
use crate::train::Recipe;

/// The prior of all but `vi`, `moments` and `gaussian-dropout`, which have theirs of `net`, and `auto`, which finds its own: N(0, 8² / fan in).
const PRIOR: Prior = Prior::FanIn { scale: 8.0 };
/// What divides the exponent of the posteriors that are spread by a formula: at 1 they are too unsure (Wenzel et al. 2020).
const TEMPERATURE: f64 = 0.1;
/// The share of the channels and units that a mask leaves out.
const DROPOUT: f64 = 0.05;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    Vi,
    Auto,
    Ivon,
    Laplace,
    Swag,
    Sghmc,
    Moments,
    Ensemble,
    Dropout,
    GaussianDropout,
    Point,
}

impl Way {
    /// What is believed of the weights; `gaussian` is the demo's.
    pub fn beliefs(self, gaussian: Beliefs) -> Beliefs {
        match self {
            Way::Vi | Way::Moments => gaussian,
            Way::GaussianDropout => OF_UNITS,
            Way::Auto => Beliefs::new(Prior::Automatic, Posterior::Automatic),
            Way::Ivon => Beliefs::new(PRIOR, gaussian.posterior),
            // A mask of the first layer would leave out the whole image, its only channel.
            Way::Dropout => {
                Beliefs { first: Posterior::point(), ..Beliefs::new(PRIOR, Posterior::dropout(DROPOUT)) }
            }
            Way::Laplace | Way::Swag | Way::Sghmc | Way::Ensemble | Way::Point => {
                Beliefs::new(PRIOR, Posterior::point())
            }
        }
    }

    /// The setting's recipe with this method's weight of the KL; five members have half of the epochs each, and factors that start
    /// near 1 need twice as many to become as wide as they may.
    pub fn recipe(self, of: Recipe) -> Recipe {
        let epochs = match self {
            Way::Ensemble => of.epochs.div_ceil(2),
            Way::GaussianDropout => of.epochs.saturating_mul(2),
            _ => of.epochs,
        };
        let kl_weight = match self {
            Way::Vi | Way::Moments => of.kl_weight,
            Way::Ivon | Way::Laplace | Way::Sghmc => TEMPERATURE,
            _ => 1.0,
        };
        Recipe { epochs, kl_weight, ..of }
    }
}

/// What a method ends with beside the net itself.
pub enum Found {
    Net,
    /// Draws, and the bytes of what they come from.
    Draws {
        weights: Draws,
        bytes: f64,
    },
    Laplace(Box<FittedLaplace>),
}

impl Found {
    /// What is kept for predictions, in bytes.
    pub fn bytes<M: BayesianModule>(&self, net: &M) -> f64 {
        let of_net = || net.parameters().into_iter().flat_map(RandomParameter::named_variables);
        let net: f64 = of_net().map(|(_, variable)| 4.0 * variable.numel() as f64).sum();
        match self {
            Found::Net => net,
            Found::Draws { bytes, .. } => *bytes,
            Found::Laplace(laplace) => {
                net + laplace.hessian().iter().map(|hessian| 8.0 * hessian.numel() as f64).sum::<f64>()
            }
        }
    }
}

/// How many weights a net has.
pub fn weights_of<M: BayesianModule>(net: &M) -> usize {
    net.parameters().into_iter().map(|parameter| parameter.mu().numel()).sum()
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
    if way == Way::Auto {
        Fit::new(Categorical).progress(false).run(net, vs, x, y)?;
        return Ok(Found::Net);
    }
    // The mode is the same at any temperature.
    let kl_weight = if matches!(way, Way::Laplace | Way::Sghmc) { 1.0 } else { recipe.kl_weight };
    let fit = |epochs: usize| {
        let fit = Fit::new(Categorical).epochs(epochs).batch_size(recipe.batch_size).progress(false);
        fit.kl(KlSchedule::Constant(kl_weight))
    };
    let adam = Adam { learning_rate: recipe.learning_rate, ..Adam::default() };
    // The paper's step size; few steps on few images want a Hessian that is learned faster than by default.
    let ivon = Ivon { learning_rate: 0.1, hess_init: 0.03, beta2: 0.9995, ..Ivon::default() };
    match way {
        Way::Ivon => fit(recipe.epochs).optimiser(ivon).run(net, vs, x, y)?,
        _ => fit(recipe.epochs).optimiser(adam).run(net, vs, x, y)?,
    };
    Ok(match way {
        Way::Laplace => {
            let data = Tensors::new(vec![x.shallow_clone()], y.shallow_clone())?;
            let last = Laplace::classification().subset(Subset::LastLayer).structure(Structure::Full);
            let mut laplace = last.fit(net, &data)?;
            // The prior that the mode was found under.
            let precision: Vec<f64> = net
                .named_parameters()
                .into_iter()
                .filter(|(name, _)| laplace.names().contains(&name.as_str()))
                .map(|(_, parameter)| match parameter.prior() {
                    Prior::Gaussian { std, .. } => 1.0 / (std * std),
                    _ => 1.0,
                })
                .collect();
            laplace.set_prior_precision(&precision)?;
            Found::Laplace(Box::new(laplace))
        }
        Way::Swag => {
            let walk = Sgd { learning_rate: 0.03, ..Sgd::default() };
            let mut swag = Swag::default().init(&weights(net))?;
            for _ in 0..(2 * recipe.epochs).div_ceil(5) {
                let walk = fit(1).optimiser(walk).learning_rate_schedule(RateSchedule::Constant);
                walk.run(net, vs, x, y)?;
                swag.collect(&weights(net))?;
            }
            let bytes = swag.to_named().0.values().map(|tensor| 4.0 * tensor.numel() as f64).sum();
            Found::Draws { weights: swag.draws(net, draws)?, bytes }
        }
        Way::Sghmc => {
            // Small steps beside the curvature of the sum over all images; a momentum lasts 20 steps.
            let learning_rate = 0.06 / (x.size().first().copied().unwrap_or(1) as f64).sqrt();
            let alpha = 0.05 / learning_rate;
            let sghmc = Sghmc { learning_rate, alpha, temperature: TEMPERATURE, ..Sghmc::default() };
            let every = 2000 / draws.clamp(1, 2000);
            let chain = Chain { sghmc, burn_in: 1000, every, draws, batch_size: 128 };
            let weights = chain.run(net, &Categorical, x, y)?;
            Found::Draws { weights, bytes: 4.0 * (draws * weights_of(net)) as f64 }
        }
        _ => Found::Net,
    })
}

/// Draws of the linear net at the temperature: their deviations are those at 1, times its root.
pub fn cold<M: BayesianModule + ModuleT>(
    laplace: &FittedLaplace,
    net: &M,
    x: &Tensor,
    draws: usize,
) -> Result<Prediction> {
    let mean = laplace.marginals(net, x)?.mean;
    let prediction = laplace.predict(net, x, draws)?;
    Ok(prediction.map(|outputs| tch::no_grad(|| &mean + (outputs - &mean) * TEMPERATURE.sqrt())))
}
