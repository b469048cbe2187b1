//! N(mu, softplus(rho)²), independent for each element (Blundell et al. 2015), or along other axes than the elements' own.

use tch::Tensor;
use tch::nn::Init;

use super::{Family, PriorOf, Start, Variables};
use crate::dist::gaussian;
use crate::error::Result;
use crate::noise::{self, Key};
use crate::parameter::initial::finite;

/// The Gaussian that is independent along its axes, and where its variables start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MeanField {
    pub mu: Init,
    pub rho: Init,
    /// Whether a weight `[outputs, inputs]` has a variable of this name for the axes of its rows, which start as the elements' own.
    pub axes: bool,
}

/// The variable that has the axes of a weight's rows: an orthogonal matrix `[inputs, inputs]`, an axis in each column.
pub(crate) const AXES: &str = "axes";

/// Inputs at most for which there are axes, as 4 MiB hold.
const MOST_INPUTS: i64 = 1 << 10;

impl Family for MeanField {
    fn name(&self) -> String {
        "Gaussian".to_owned()
    }

    fn validate(&self) -> Result<()> {
        finite("mu", self.mu)?;
        finite("rho", self.rho)
    }

    fn start(&self, start: &Start<'_>) -> Vec<(&'static str, Tensor)> {
        let mut all = vec![("mu", start.initial(self.mu)), ("rho", start.initial(self.rho))];
        if let (true, &[_, inputs]) = (self.axes, start.shape)
            && inputs <= MOST_INPUTS
        {
            all.push((AXES, Tensor::eye(inputs, (start.kind, start.device))));
        }
        all
    }

    fn draw(&self, variables: &Variables, key: Key) -> Tensor {
        let mu = variables.mu();
        let eps = noise::normals(key, &mu.size(), mu.kind(), mu.device());
        match sigma(variables) {
            Some(sigma) => mu + variables.turned(sigma * eps),
            None => mu.shallow_clone(),
        }
    }

    fn moments(&self, variables: &Variables) -> Option<(Tensor, Tensor)> {
        let sigma = sigma(variables)?;
        variables.axes().is_none().then(|| (variables.mu().shallow_clone(), sigma))
    }

    fn log_density(&self, variables: &Variables, w: &Tensor) -> Option<Tensor> {
        let along = variables.along(w - variables.mu());
        Some(gaussian::log_density(&along, &sigma(variables)?).sum(w.kind()))
    }

    /// The sum over the elements is that over the axes under a Gaussian prior, which is the same in all directions.
    fn kl(&self, variables: &Variables, prior: &PriorOf<'_>) -> Option<Tensor> {
        let (sigma, axes) = (sigma(variables)?, variables.axes());
        if let (Some(axes), Some(earlier)) = (axes, prior.parameter.earlier()) {
            return Some(earlier.kl_from_gaussian(variables.mu(), &sigma, Some(axes)).sum(sigma.kind()));
        }
        let known = axes.is_none() || prior.is_gaussian();
        prior.kl_from_gaussian(variables.mu(), &sigma).filter(|_| known)
    }

    fn fixed(&self) -> &'static [&'static str] {
        if self.axes { &[AXES] } else { &[] }
    }
}

fn sigma(variables: &Variables) -> Option<Tensor> {
    variables.get("rho").map(Tensor::softplus)
}

#[cfg(test)]
mod tests;

impl Variables {
    /// The axes along which the elements are independent; None where they are the elements' own.
    pub(crate) fn axes(&self) -> Option<&Tensor> {
        let axes = self.get(AXES)?;
        // Looked at again where something was written to them since: a fit, or a file.
        let version = axes.f_internal_version().ok();
        let (seen, turned) = self.turned.get();
        if seen.is_some() && seen == version {
            return turned.then_some(axes);
        }
        let turned = tch::no_grad(|| {
            let own = Tensor::eye(axes.size().first().copied().unwrap_or(0), (axes.kind(), axes.device()));
            !axes.equal(&own)
        });
        self.turned.set((version, turned));
        turned.then_some(axes)
    }

    /// Numbers along the axes, `[.., outputs, inputs]`, as numbers of the elements.
    pub(crate) fn turned(&self, along: Tensor) -> Tensor {
        self.axes().map_or_else(|| along.shallow_clone(), |axes| along.matmul(&axes.tr()))
    }

    /// Numbers of the elements, `[.., outputs, inputs]`, as numbers along the axes.
    pub(crate) fn along(&self, of_elements: Tensor) -> Tensor {
        self.axes().map_or_else(|| of_elements.shallow_clone(), |axes| of_elements.matmul(axes))
    }

    /// Standard deviations along the axes, as the elements' own.
    pub(crate) fn of_elements(&self, sigma: Tensor) -> Tensor {
        match self.axes() {
            Some(axes) => sigma.square().matmul(&axes.square().tr()).sqrt(),
            None => sigma,
        }
    }

    /// Gives a weight's rows these axes, `[inputs, inputs]`.
    pub(crate) fn set_axes(&self, axes: &Tensor) {
        if let Some(own) = self.get(AXES) {
            tch::no_grad(|| own.shallow_clone().copy_(&axes.to_kind(own.kind()).to_device(own.device())));
        }
    }
}
