//! What is set, and what is measured of it.

use std::time::Instant;

use illia::prelude::*;

/// A problem's numbers by name, for one seed.
pub type Numbers = Vec<(&'static str, f64)>;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Setting {
    /// Nothing at all: what somebody gets who declares layers and calls `Fit` with a likelihood.
    Nothing,
    /// Mean-field variational inference, said explicitly, for a stated length.
    Recipe,
    /// The same net of points: a plain fit, with the prior as its penalty.
    Twin,
}

/// The recipe's length.
const STEPS: usize = 6000;
/// `Fit`'s own, where nobody sets one.
const BATCH: usize = 64;

impl Setting {
    pub const ALL: [Setting; 3] = [Setting::Nothing, Setting::Recipe, Setting::Twin];

    pub fn name(self) -> &'static str {
        match self {
            Setting::Nothing => "nothing",
            Setting::Recipe => "recipe",
            Setting::Twin => "twin",
        }
    }

    /// The posterior that the net states; none if it says nothing.
    pub fn posterior(self) -> Option<Posterior> {
        match self {
            Setting::Nothing => None,
            Setting::Recipe => Some(Posterior::fan_in()),
            Setting::Twin => Some(Posterior::point()),
        }
    }

    /// Trains a net and says how many seconds that took.
    pub fn train<N: BayesianModule + ModuleT>(
        self,
        net: &N,
        vs: &nn::VarStore,
        likelihood: impl Likelihood,
        x: &Tensor,
        y: &Tensor,
    ) -> illia::Result<f64> {
        let start = Instant::now();
        let fit = Fit::new(likelihood).progress(false);
        let fit = match self {
            Setting::Nothing | Setting::Twin => fit,
            Setting::Recipe => fit.epochs(STEPS.div_ceil((x.size()[0] as usize).div_ceil(BATCH))),
        };
        let history = fit.run(net, vs, x, y)?;
        let seconds = start.elapsed().as_secs_f64();
        eprint!("{}", history.convergence);
        for sentence in history.advice.iter().chain(&history.remarks) {
            eprintln!("{sentence}");
        }
        Ok(seconds)
    }
}

/// The part of `truth` that lies from `low` to `high`.
pub fn coverage((low, high): &(Tensor, Tensor), truth: &Tensor) -> illia::Result<f64> {
    illia::metrics::interval_coverage(low, high, truth)
}
