//! The two nets. Each has a deterministic twin: `DigitNet::deterministic`.

use illia::infer::moments::{Moments, Pool};
use illia::nn::{Conv2d, Linear};
use illia::prelude::*;
use illia::{RandomParameter, Result};
use tch::nn::Init;
use tch::nn::init::{FanInOut, NonLinearity, NormalOrUniform};

/// Means that start by He's rule, as a deterministic net's weights would.
pub const HE: Init =
    Init::Kaiming { dist: NormalOrUniform::Normal, fan: FanInOut::FanIn, non_linearity: NonLinearity::ReLU };

/// Of UCI's digits. The prior is wide: what the data leave open stays open, and shows in the predictions. The posterior starts wide
/// too, with sigma = 0.08.
pub const WIDE: Beliefs = gaussian(1.0, -2.5);
/// Of UCI's digits in the demo: one random factor for each channel and unit, whose KL is small beside the likelihood of 1,297 images. A
/// prior of the weights that is wide lets the logits be as large as a sure answer needs.
pub const OF_UNITS: Beliefs = {
    let posterior = Posterior::GaussianDropout { std: 3.0, mu: HE, rho: Init::Const(-3.0) };
    Beliefs { prior: Prior::FanIn { scale: 64.0 }, posterior, first: posterior }
};
/// Of MNIST; sigma starts at 0.02.
pub const NARROW: Beliefs = gaussian(0.3, -4.0);

const fn gaussian(std: f64, rho: f64) -> Beliefs {
    let posterior = Posterior::Gaussian { mu: HE, rho: Init::Const(rho) };
    Beliefs { prior: Prior::Gaussian { mean: 0.0, std }, posterior, first: posterior }
}

/// What is believed of a net's weights.
#[derive(Debug, Clone, Copy)]
pub struct Beliefs {
    pub prior: Prior,
    pub posterior: Posterior,
    /// Of the first layer.
    pub first: Posterior,
}

impl Beliefs {
    /// The same posterior for all layers.
    pub const fn new(prior: Prior, posterior: Posterior) -> Beliefs {
        Beliefs { prior, posterior, first: posterior }
    }
}

bnn! {
    /// For UCI's digits.
    #[derive(Debug)]
    pub struct DigitNet(beliefs: Beliefs): [1, 8, 8] -> [10] {
        prior: (beliefs.prior);
        posterior: (beliefs.posterior);
        estimator: LocalReparameterization;

        conv1: Conv2d(16, kernel: 3, padding: 1, posterior: (beliefs.first)) -> relu,
        conv2: Conv2d(32, kernel: 3, padding: 1) -> relu -> max_pool(2),
        flatten,
        fc1: Linear(64) -> relu,
        head: Linear(10),
    }
}

bnn! {
    /// For MNIST and Fashion-MNIST: the widths of the original's tutorial.
    #[derive(Debug)]
    pub struct MnistNet(beliefs: Beliefs): [1, 28, 28] -> [10] {
        prior: (beliefs.prior);
        posterior: (beliefs.posterior);

        conv1: Conv2d(32, kernel: 3, posterior: (beliefs.first)) -> relu -> max_pool(2),
        conv2: Conv2d(64, kernel: 3) -> relu -> max_pool(2),
        flatten,
        dropout(0.25),
        fc1: Linear(128) -> relu -> dropout(0.25),
        head: Linear(10),
    }
}

impl DigitNet {
    /// Means and variances of the logits for images that are known.
    pub fn moments(&self, x: &Tensor) -> Result<Moments> {
        let x = convolved(&convolved(&Moments::certain(x)?, &self.conv1, 1)?.relu(), &self.conv2, 1)?;
        mapped(&mapped(&flat(&pooled(&x.relu())?)?, &self.fc1)?.relu(), &self.head)
    }
}

impl MnistNet {
    /// Means and variances of the logits for images that are known.
    pub fn moments(&self, x: &Tensor) -> Result<Moments> {
        let x = pooled(&convolved(&Moments::certain(x)?, &self.conv1, 0)?.relu())?;
        let x = pooled(&convolved(&x, &self.conv2, 0)?.relu())?;
        mapped(&mapped(&flat(&x)?, &self.fc1)?.relu(), &self.head)
    }
}

fn of(parameter: &RandomParameter) -> Result<Moments> {
    let sigma = parameter.sigma().unwrap_or_else(|| parameter.mu().zeros_like());
    Moments::new(parameter.mu().shallow_clone(), sigma.square())
}

fn mapped(x: &Moments, layer: &Linear) -> Result<Moments> {
    x.linear(&of(&layer.weight)?, layer.bias.as_ref().map(of).transpose()?.as_ref())
}

fn convolved(x: &Moments, layer: &Conv2d, padding: i64) -> Result<Moments> {
    let bias = layer.bias.as_ref().map(of).transpose()?;
    x.conv(&of(&layer.weight)?, bias.as_ref(), [&[1, 1], &[padding, padding], &[1, 1]], 1)
}

fn pooled(x: &Moments) -> Result<Moments> {
    x.max_pool(Pool { kernel: &[2, 2], stride: &[2, 2], padding: &[0, 0] })
}

fn flat(x: &Moments) -> Result<Moments> {
    x.rearranged(|t| Ok(t.flatten(1, -1)))
}
