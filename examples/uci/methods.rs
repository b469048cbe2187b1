//! The net, and the four ways to train it. Every number here was chosen on rows held out of the training part; none
//! depends on the data set but by the rules that are written out.

use illia::likelihood::{Gaussian, Likelihood};
use illia::nn::{Linear, LinearConfig};
use illia::{
    BayesianModule, Estimator, Fit, KlSchedule, Posterior, Predict, Prior, RateSchedule, Result, Visitor,
    VisitorMut, inverse_softplus,
};
use tch::nn::{Init, Module, ModuleT, VarStore};
use tch::{Device, Tensor};

use crate::protocol::{Outcome, Split};

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Method {
    /// Mean-field variational inference, priors' scales and noise learned with it: an equal mixture of a few
    /// mean-field Gaussians, each from a start of its own. Where they don't overlap, the mixture's ELBO is the mean of
    /// theirs and the log of their number more (Jaakkola & Jordan 1998): it is the better posterior.
    Vi,
    /// One net of the most probable weights.
    Point,
    /// MC dropout (Gal & Ghahramani 2016).
    Dropout,
    /// Five points from different starts (Lakshminarayanan et al. 2017).
    Ensemble,
}

impl Method {
    const ALL: [Method; 4] = [Method::Vi, Method::Point, Method::Dropout, Method::Ensemble];

    pub fn parse(name: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Method::Vi => "vi",
            Method::Point => "point",
            Method::Dropout => "dropout",
            Method::Ensemble => "ensemble",
        }
    }

    /// How many fits are mixed, if nothing else is asked for.
    fn members(self) -> usize {
        match self {
            Method::Vi => 3,
            Method::Ensemble => 5,
            Method::Point | Method::Dropout => 1,
        }
    }
}

/// The protocol's.
const HIDDEN: i64 = 50;
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
const DROPOUT: f64 = 0.05;
/// Of the likelihood's average over the weights; fewer where there are many test rows.
const MOST_DRAWS: usize = 1000;
const FEWEST_DRAWS: usize = 100;
const MOST_OUTPUTS: usize = 10_000_000;

/// 1/30 of the training rows, but no fewer than 128 and no more than 256.
fn batch_size(rows: usize) -> usize {
    (rows / 30).clamp(128, 256).min(rows)
}

/// One hidden layer of ReLU: `[batch, features]` to `[batch, 1]`.
#[derive(Debug)]
struct Net {
    hidden: Linear,
    output: Linear,
}

impl BayesianModule for Net {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
        visitor.module("hidden", &self.hidden);
        visitor.module("output", &self.output);
    }

    fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
        visitor.module("hidden", &mut self.hidden);
        visitor.module("output", &mut self.output);
    }
}

impl ModuleT for Net {
    fn forward_t(&self, x: &Tensor, _train: bool) -> Tensor {
        self.output.forward(&self.hidden.forward(x).relu())
    }
}

impl Net {
    fn new(vs: &VarStore, features: i64, method: Method) -> Result<Net> {
        let fan_in = Posterior::fan_in();
        let posterior = match (method, fan_in) {
            (Method::Vi, Posterior::Gaussian { mu, .. }) => {
                Posterior::Gaussian { mu, rho: Init::Const(inverse_softplus(SIGMA)) }
            }
            (Method::Dropout, _) => Posterior::dropout(DROPOUT),
            _ => Posterior::point(),
        };
        // A learned scale would shrink to nothing around points: those get the scale that it starts from.
        let prior = |std: f64| match method {
            Method::Vi => Prior::LearnedGaussian { std },
            _ => Prior::Gaussian { mean: 0.0, std },
        };
        let config = |std: f64, posterior: Posterior| LinearConfig {
            prior: prior(std),
            posterior,
            estimator: Estimator::LocalReparameterization,
            ..LinearConfig::default()
        };
        Ok(Net {
            hidden: Linear::try_new(vs.root() / "hidden", features, HIDDEN, config(1.0, posterior))?,
            output: Linear::try_new(vs.root() / "output", HIDDEN, 1, config(0.3, posterior))?,
        })
    }
}

/// Trains on the split's training rows and scores its test rows: an equal mixture of `members` fits, each from a start of
/// its own.
pub fn run(method: Method, members: Option<usize>, split: &Split) -> Result<Outcome> {
    let count = members.unwrap_or(method.members());
    let rows = |x: &Tensor| x.size().first().map_or(0, |&n| n as usize);
    let draws = match method {
        Method::Vi | Method::Dropout => {
            (MOST_OUTPUTS / rows(&split.x_test).max(1)).clamp(FEWEST_DRAWS, MOST_DRAWS)
        }
        Method::Point | Method::Ensemble => 1,
    };
    let mut fits = Vec::new();
    for _ in 0..count {
        let vs = VarStore::new(Device::Cpu);
        let features = split.x.size().get(1).copied().unwrap_or(1);
        let net = Net::new(&vs, features, method)?;
        let noise = Gaussian::learned(&vs.root(), NOISE)?;
        fit(&net, &vs, &noise, split)?;
        fits.push((Predict::new().draws(draws).marginal().run(&net, &split.x_test)?, noise));
    }
    let count = count as f64;
    let means: Vec<Tensor> = fits.iter().map(|(prediction, _)| prediction.mean()).collect();
    let mean = Tensor::stack(&means, 0).sum_dim_intlist(0i64, false, tch::Kind::Float) / count;
    split.outcome(&mean, |y| {
        let each = fits.iter().map(|(prediction, noise)| prediction.log_predictive(noise, y));
        let each = each.collect::<Result<Vec<Tensor>>>()?;
        Ok(Tensor::stack(&each, 0).logsumexp(0i64, false) - count.ln())
    })
}

fn fit(net: &Net, vs: &VarStore, noise: &impl Likelihood, split: &Split) -> Result<()> {
    let rows = split.x.size().first().map_or(0, |&n| n as usize);
    let batch_size = batch_size(rows);
    let epochs = STEPS.div_ceil(rows.div_ceil(batch_size).max(1));
    Fit::new(noise)
        .epochs(epochs)
        .batch_size(batch_size)
        .learning_rate(LEARNING_RATE)
        .learning_rate_schedule(RateSchedule::Cosine)
        .kl(KlSchedule::WarmUp { epochs: WARM_UP * epochs as f64 })
        .progress(false)
        .run(net, vs, &split.x, &split.y)?;
    Ok(())
}
