//! N(mu, softplus(rho)²), independent for each element (Blundell et al. 2015).

use tch::Tensor;
use tch::nn::Init;

use super::{Family, PriorOf, Start, Variables};
use crate::dist::gaussian;
use crate::error::Result;
use crate::noise::{self, Key};
use crate::parameter::initial::finite;

/// The mean-field Gaussian and where its variables start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MeanField {
    pub mu: Init,
    pub rho: Init,
}

impl Family for MeanField {
    fn name(&self) -> String {
        "Gaussian".to_owned()
    }

    fn validate(&self) -> Result<()> {
        finite("mu", self.mu)?;
        finite("rho", self.rho)
    }

    fn start(&self, start: &Start<'_>) -> Vec<(&'static str, Tensor)> {
        vec![("mu", start.initial(self.mu)), ("rho", start.initial(self.rho))]
    }

    fn draw(&self, variables: &Variables, key: Key) -> Tensor {
        let mu = variables.mu();
        let eps = noise::normals(key, &mu.size(), mu.kind(), mu.device());
        match sigma(variables) {
            Some(sigma) => mu + sigma * eps,
            None => mu.shallow_clone(),
        }
    }

    fn moments(&self, variables: &Variables) -> Option<(Tensor, Tensor)> {
        Some((variables.mu().shallow_clone(), sigma(variables)?))
    }

    fn log_density(&self, variables: &Variables, w: &Tensor) -> Option<Tensor> {
        let density = gaussian::log_density(&(w - variables.mu()), &sigma(variables)?);
        Some(density.sum(w.kind()))
    }

    fn kl(&self, variables: &Variables, prior: &PriorOf<'_>) -> Option<Tensor> {
        prior.kl_from_gaussian(variables.mu(), &sigma(variables)?)
    }
}

fn sigma(variables: &Variables) -> Option<Tensor> {
    variables.get("rho").map(Tensor::softplus)
}
