//! Dropout as a posterior (Gal & Ghahramani 2016): each input unit's weights are 0 with probability p, else mu / (1 - p).

use tch::Tensor;
use tch::nn::Init;

use super::{Family, PriorOf, Start, Variables};
use crate::error::{Error, Result};
use crate::noise::{self, Key};
use crate::parameter::initial::finite;

/// Masks of input units over a point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dropout {
    pub p: f64,
    pub mu: Init,
}

impl Family for Dropout {
    fn name(&self) -> String {
        format!("Dropout({})", self.p)
    }

    fn validate(&self) -> Result<()> {
        finite("mu", self.mu)?;
        match (0.0..1.0).contains(&self.p) {
            true => Ok(()),
            false => Err(Error::configuration("p", self.p, "from 0 to below 1")),
        }
    }

    fn start(&self, start: &Start<'_>) -> Vec<(&'static str, Tensor)> {
        vec![("mu", start.initial(self.mu))]
    }

    /// A bias, which has no input units, is not dropped.
    fn draw(&self, variables: &Variables, key: Key) -> Tensor {
        let mu = variables.mu();
        if mu.dim() < 2 {
            return mu.shallow_clone();
        }
        let coins = variables.of_input_units(|shape| noise::uniforms(key, shape, mu.kind(), mu.device()));
        mu * coins.ge(self.p).to_kind(mu.kind()) * (1.0 / (1.0 - self.p))
    }

    /// The expected -log prior over the coins (Gal & Ghahramani 2016, appendix, up to a constant): kept weights are
    /// mu / (1 - p), dropped ones 0.
    fn kl(&self, variables: &Variables, prior: &PriorOf<'_>) -> Option<Tensor> {
        let mu = variables.mu();
        if mu.dim() < 2 {
            return Some(-prior.log_density(mu));
        }
        let kept = prior.log_density(&(mu * (1.0 / (1.0 - self.p))));
        Some(-(kept * (1.0 - self.p) + prior.log_density(&mu.zeros_like()) * self.p))
    }
}
