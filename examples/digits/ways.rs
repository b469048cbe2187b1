//! How each method comes from images to a posterior. What is a number stands in the table of each net, `rules`.

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

use crate::train::Recipe;

/// What is done beside training by Adam, and what is predicted from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    /// Nothing: the posterior is the net's own, predicted from by draws.
    Families,
    /// The same, predicted from by means and variances.
    Moments,
    /// So many nets of points.
    Points { members: usize },
    /// By [`Fit`] as it is, until it has settled or for the recipe's epochs.
    Auto { settles: bool },
    /// Another optimiser than Adam.
    Ivon { hessian: f64 },
    /// Around the points, the last layer's whole matrix. The temperature divides the exponent of the posterior: 1 is Bayes' rule.
    Laplace { temperature: f64 },
    /// From the points on, so many epochs of SGD.
    Swag { walk: usize },
    /// From the points on: so many steps that are not looked at, and so many that are.
    Sghmc { burn_in: usize, steps: usize, temperature: f64 },
}

impl Way {
    /// What the posterior is tempered by, where it is not by the weight of the KL.
    pub fn temperature(self) -> Option<f64> {
        match self {
            Way::Laplace { temperature } | Way::Sghmc { temperature, .. } => Some(temperature),
            _ => None,
        }
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
    Laplace {
        around: Box<FittedLaplace>,
        temperature: f64,
    },
}

impl Found {
    /// What is kept for predictions, in bytes.
    pub fn bytes<M: BayesianModule>(&self, net: &M) -> f64 {
        let of_net = || net.parameters().into_iter().flat_map(RandomParameter::named_variables);
        let net: f64 = of_net().map(|(_, variable)| 4.0 * variable.numel() as f64).sum();
        match self {
            Found::Net => net,
            Found::Draws { bytes, .. } => *bytes,
            Found::Laplace { around, .. } => {
                net + around.hessian().iter().map(|hessian| 8.0 * hessian.numel() as f64).sum::<f64>()
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
    let fit = |epochs: usize| {
        let fit = Fit::new(Categorical).epochs(epochs).batch_size(recipe.batch_size).progress(false);
        fit.kl(KlSchedule::Constant(recipe.kl_weight))
    };
    let adam = Adam { learning_rate: recipe.learning_rate, ..Adam::default() };
    match way {
        Way::Auto { settles } => {
            let fit = Fit::new(Categorical).progress(false);
            let fit = if settles { fit } else { fit.epochs(recipe.epochs) };
            fit.run(net, vs, x, y)?
        }
        Way::Ivon { hessian } => {
            // The paper's step size; few steps want a Hessian that is learned faster than by default.
            let ivon = Ivon { learning_rate: 0.1, hess_init: hessian, beta2: 0.9995, ..Ivon::default() };
            fit(recipe.epochs).optimiser(ivon).run(net, vs, x, y)?
        }
        _ => fit(recipe.epochs).optimiser(adam).run(net, vs, x, y)?,
    };
    Ok(match way {
        Way::Laplace { temperature } => {
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
            Found::Laplace { around: Box::new(laplace), temperature }
        }
        Way::Swag { walk } => {
            let sgd = Sgd { learning_rate: 0.03, ..Sgd::default() };
            let mut swag = Swag::default().init(&weights(net))?;
            for _ in 0..walk {
                let walk = fit(1).optimiser(sgd).learning_rate_schedule(RateSchedule::Constant);
                walk.run(net, vs, x, y)?;
                swag.collect(&weights(net))?;
            }
            let bytes = swag.to_named().0.values().map(|tensor| 4.0 * tensor.numel() as f64).sum();
            Found::Draws { weights: swag.draws(net, draws)?, bytes }
        }
        Way::Sghmc { burn_in, steps, temperature } => {
            // Small steps beside the curvature of the sum over all images; a momentum lasts 20 steps.
            let learning_rate = 0.06 / (x.size().first().copied().unwrap_or(1) as f64).sqrt();
            let alpha = 0.05 / learning_rate;
            let sghmc = Sghmc { learning_rate, alpha, temperature, ..Sghmc::default() };
            let every = steps / draws.clamp(1, steps);
            let chain = Chain { sghmc, burn_in, every, draws, batch_size: 128 };
            let weights = chain.run(net, &Categorical, x, y)?;
            Found::Draws { weights, bytes: 4.0 * (draws * weights_of(net)) as f64 }
        }
        _ => Found::Net,
    })
}

/// Draws of the linear net at the temperature: their deviations are those at 1, times its root.
pub fn tempered<M: BayesianModule + ModuleT>(
    laplace: &FittedLaplace,
    net: &M,
    x: &Tensor,
    draws: usize,
    temperature: f64,
) -> Result<Prediction> {
    let mean = laplace.marginals(net, x)?.mean;
    let prediction = laplace.predict(net, x, draws)?;
    Ok(prediction.map(|outputs| tch::no_grad(|| &mean + (outputs - &mean) * temperature.sqrt())))
}
