//! Gaussian dropout whose rates are learned (Srivastava et al. 2014, section 10; Kingma, Salimans & Welling 2015, section 3): all weights of
//! an input unit are mu times one factor, which is random.
//!
//! The factor of each unit has the posterior N(1, softplus(input_rho)²) and the prior N(1, std²), a proper one, where Kingma et al. have
//! log-uniform scales, under which there is no posterior (Hron, Matthews & Ghahramani 2018). mu is a point under the layer's prior: the
//! model is that of the factors, in which mu is fitted (Dusenberry et al. 2020, section 3, with one of their two vectors). There are as many random numbers
//! as units, not as weights, so that the KL of a net of thousands of weights stays small beside the likelihood of a thousand examples.

use tch::nn::Init;
use tch::{Kind, Tensor};

use super::{Family, PriorOf, Start, Variables};
use crate::dist::gaussian;
use crate::error::{Error, Result};
use crate::noise::{self, Key};
use crate::parameter::initial::finite;

/// Random factors of input units over a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GaussianDropout {
    pub std: f64,
    pub mu: Init,
    pub rho: Init,
}

/// How many times as long as a weight's the steps of a rho are: Adam moves each by about its step size, and from factors of 1 ± 0.05 to
/// those of 1 ± 1 it is farther than a weight ever goes. docs/digits.md has other values, measured.
pub(crate) const FACTORS_PACE: f64 = 3.0;

/// softplus of it is the standard deviation of each input unit's factor.
pub(crate) const INPUT_RHO: &str = "input_rho";

impl Variables {
    /// The standard deviation of each input unit's factor, one after the other, in the graph; None where there are no factors.
    pub(crate) fn factor_std(&self) -> Option<Tensor> {
        self.get(INPUT_RHO).map(|rho| rho.softplus().flatten(0, -1))
    }
}

impl Family for GaussianDropout {
    fn name(&self) -> String {
        format!("GaussianDropout({})", self.std)
    }

    fn validate(&self) -> Result<()> {
        finite("mu", self.mu)?;
        finite("rho", self.rho)?;
        match self.std > 0.0 && self.std.is_finite() {
            true => Ok(()),
            false => Err(Error::configuration("std", self.std, "a finite number above 0")),
        }
    }

    /// A bias, which has no input units, is a point.
    fn start(&self, start: &Start<'_>) -> Vec<(&'static str, Tensor)> {
        let mut all = vec![("mu", start.initial(self.mu))];
        if start.shape.len() >= 2 {
            all.push((INPUT_RHO, start.initial_of(self.rho, &start.input_units.shape(start.shape))));
        }
        all
    }

    fn draw(&self, variables: &Variables, key: Key) -> Tensor {
        let mu = variables.mu();
        let Some(rho) = variables.get(INPUT_RHO) else { return mu.shallow_clone() };
        mu * variables.of_input_units(|shape| {
            let eps = noise::normals(key, shape, mu.kind(), mu.device());
            rho.softplus() * eps + 1.0
        })
    }

    /// Σ KL(N(1, σ²) ‖ N(1, std²)) - log p(mu).
    fn kl(&self, variables: &Variables, prior: &PriorOf<'_>) -> Option<Tensor> {
        let point = -prior.log_density(variables.mu());
        Some(match variables.factor_std() {
            Some(sigma) => {
                let std = Tensor::from(self.std).to_kind(sigma.kind()).to_device(sigma.device());
                point + gaussian::kl(&sigma.zeros_like(), &sigma, &std).sum(None::<Kind>)
            }
            None => point,
        })
    }
}

#[cfg(test)]
mod tests;
