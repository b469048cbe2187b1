//! The two nets. Each has a deterministic twin: `DigitNet::deterministic`.

use illia::prelude::*;
use tch::nn::Init;
use tch::nn::init::{FanInOut, NonLinearity, NormalOrUniform};

/// Means that start by He's rule, as a deterministic net's weights would.
const HE: Init =
    Init::Kaiming { dist: NormalOrUniform::Normal, fan: FanInOut::FanIn, non_linearity: NonLinearity::ReLU };

/// A posterior that starts wide, with sigma = 0.08.
const WIDE: Posterior = Posterior::Gaussian { mu: HE, rho: Init::Const(-2.5) };
/// With sigma = 0.02.
const NARROW: Posterior = Posterior::Gaussian { mu: HE, rho: Init::Const(-4.0) };

bnn! {
    /// For UCI's digits. The prior is wide: what the data leave open stays open, and shows in the predictions.
    #[derive(Debug)]
    pub struct DigitNet: [1, 8, 8] -> [10] {
        prior: Gaussian(std: 1.0);
        posterior: WIDE;
        estimator: LocalReparameterization;

        conv1: Conv2d(16, kernel: 3, padding: 1) -> relu,
        conv2: Conv2d(32, kernel: 3, padding: 1) -> relu -> max_pool(2),
        flatten,
        fc1: Linear(64) -> relu,
        head: Linear(10),
    }
}

bnn! {
    /// For MNIST and Fashion-MNIST: the widths of the original's tutorial.
    #[derive(Debug)]
    pub struct MnistNet: [1, 28, 28] -> [10] {
        prior: Gaussian(std: 0.3);
        posterior: NARROW;

        conv1: Conv2d(32, kernel: 3) -> relu -> max_pool(2),
        conv2: Conv2d(64, kernel: 3) -> relu -> max_pool(2),
        flatten,
        dropout(0.25),
        fc1: Linear(128) -> relu -> dropout(0.25),
        head: Linear(10),
    }
}
