//! What changes a random parameter besides training: pruning, holding its mean, starting it from a given weight.

use tch::{Kind, Tensor};

use super::{Held, RandomParameter};
use crate::error::{Error, Result};
use crate::parameter::{Posterior, Prior};

/// Which elements were pruned.
#[derive(Debug)]
pub(super) struct Pruned {
    /// True where pruned, in mu's shape.
    pub mask: Tensor,
    /// How many elements that are.
    pub count: usize,
}

impl RandomParameter {
    /// |mu| / sigma of each element, in mu's shape: how far the posterior is from saying that the weight may as well be
    /// 0 (Graves 2011; Blundell et al. 2015, section 5.1). -1 for pruned elements; Gaussian posteriors have it.
    pub fn signal_to_noise(&self) -> Option<Tensor> {
        tch::no_grad(|| {
            let ratio = self.mu().abs() / self.sigma()?;
            Some(match &self.pruned {
                Some(pruned) => ratio.masked_fill(&pruned.mask, -1.0),
                None => ratio,
            })
        })
    }

    /// Takes the elements where `mask` (bool, of mu's shape) is true out of the model for good: they are exactly 0 in
    /// every draw, cost no KL, get no gradient and are not counted by [`num_params`](Self::num_params).
    ///
    /// In the variables they have mu = 0 and rho = minus infinity (sigma = 0), which a saved file keeps. Elements that covaried become
    /// independent, with the standard deviations that they had.
    ///
    /// # Errors
    /// [`Error::Configuration`] for other posteriors than the Gaussian; [`Error::Shape`] for a mask of another shape.
    pub fn prune(&mut self, mask: &Tensor) -> Result<()> {
        if self.rho().is_none() {
            return Err(Error::configuration("posterior", "not Gaussian", "Gaussian, to be pruned"));
        }
        if mask.size() != self.mu().size() {
            let expected = format!("{:?}, as the weights", self.mu().size());
            return Err(Error::Shape { layer: "prune".to_owned(), expected, given: mask.size() });
        }
        self.straighten();
        self.straighten_earlier();
        let mut mask = mask.to_kind(Kind::Bool).to_device(self.mu().device());
        if let Some(before) = &self.pruned {
            mask = mask.logical_or(&before.mask);
        }
        tch::no_grad(|| {
            let _ = self.mu().shallow_clone().masked_fill_(&mask, 0.0);
            let _ = self.rho().map(|rho| rho.shallow_clone().masked_fill_(&mask, f64::NEG_INFINITY));
        });
        if let Some(Held::Weights(weights)) = &mut self.held {
            *weights = weights.masked_fill(&mask, 0.0);
        }
        self.forget_latest();
        let count = mask.sum(Kind::Int64).int64_value(&[]).max(0) as usize;
        self.pruned = (count > 0).then_some(Pruned { mask, count });
        Ok(())
    }

    /// Recognises the elements that were pruned before the variables were saved, by their rho of minus infinity.
    pub fn restore_pruning(&mut self) {
        self.pruned = None;
        if let Some(mask) = self.rho().map(Tensor::isneginf).filter(|mask| mask.any().int64_value(&[]) != 0) {
            let count = mask.sum(Kind::Int64).int64_value(&[]).max(0) as usize;
            self.pruned = (count > 0).then_some(Pruned { mask, count });
        }
    }

    /// Which elements are pruned, in mu's shape.
    pub(crate) fn pruned_mask(&self) -> Option<&Tensor> {
        self.pruned.as_ref().map(|pruned| &pruned.mask)
    }

    /// How many elements are pruned.
    pub fn num_pruned(&self) -> usize {
        self.pruned.as_ref().map_or(0, |pruned| pruned.count)
    }

    /// mu, 0 where pruned: even if an optimiser with momentum moved the variable on.
    pub(crate) fn location(&self) -> Tensor {
        match &self.pruned {
            Some(pruned) => self.mu().masked_fill(&pruned.mask, 0.0),
            None => self.mu().shallow_clone(),
        }
    }

    /// The elements that are not pruned; a pruned one's sigma of 0 has no logarithm, nor a slope.
    pub(crate) fn kept(&self, elements: &Tensor) -> Tensor {
        match &self.pruned {
            Some(pruned) => elements.masked_select(&pruned.mask.logical_not()),
            None => elements.shallow_clone(),
        }
    }

    /// Makes elements that covary independent, with the standard deviations that they have.
    pub(crate) fn straighten(&self) {
        if let (Some(_), Some(sigma)) = (self.axes(), tch::no_grad(|| self.sigma())) {
            self.use_own_axes();
            self.set_sigma(&sigma);
        }
    }

    /// Makes the axes the elements' own, where there is a variable for them.
    pub(crate) fn use_own_axes(&self) {
        if let Some(&inputs) = self.mu().size().last() {
            self.set_axes(&Tensor::eye(inputs, self.kind_device()));
        }
    }

    /// Makes a Gaussian posterior one of independent elements with these means and standard deviations; pruned elements stay so.
    pub(crate) fn set_gaussian(&self, mean: &Tensor, sigma: &Tensor) {
        tch::no_grad(|| {
            let mean = mean.to_kind(self.mu().kind()).to_device(self.mu().device());
            let kept =
                self.pruned_mask().map_or_else(|| mean.shallow_clone(), |mask| mean.masked_fill(mask, 0.0));
            self.mu().shallow_clone().copy_(&kept);
        });
        self.use_own_axes();
        self.set_sigma(sigma);
    }

    /// Gives a Gaussian posterior these standard deviations along its axes, of mu's shape or one for all; pruned elements keep theirs of 0.
    pub(crate) fn set_sigma(&self, sigma: &Tensor) {
        let Some(rho) = self.rho() else { return };
        tch::no_grad(|| {
            // The inverse of softplus, which is the identity where exp overflows.
            let inverse = sigma.clamp_max(20.0).expm1().log();
            let inverse =
                inverse.where_self(&sigma.lt(20.0), sigma).to_kind(rho.kind()).to_device(rho.device());
            let inverse = match &self.pruned {
                Some(pruned) => inverse.expand_as(rho).masked_fill(&pruned.mask, f64::NEG_INFINITY),
                None => inverse,
            };
            rho.shallow_clone().copy_(&inverse);
        });
        self.forget_latest();
    }

    /// Starts the posterior at `weight`, with sigma = `delta` |weight| but at least `floor` where it has a sigma, and
    /// centres the prior there; a plain weight becomes `weight`.
    pub(crate) fn start_at(&mut self, weight: &Tensor, delta: f64, floor: f64) -> Result<()> {
        if weight.size() != self.mu().size() {
            let expected = format!("{:?}", self.mu().size());
            return Err(Error::Shape { layer: "moped".to_owned(), expected, given: weight.size() });
        }
        let weight = weight.detach().to_kind(self.mu().kind()).to_device(self.mu().device());
        tch::no_grad(|| {
            self.mu().shallow_clone().copy_(&weight);
        });
        self.pruned = None;
        self.use_own_axes();
        self.set_sigma(&(weight.abs() * delta).clamp_min(floor));
        // An adapter's prior is on the adapter.
        if self.is_random() && !matches!(self.posterior, Posterior::Lora { .. }) {
            let own = if let Prior::Gaussian { mean, .. } = self.prior() { mean } else { 0.0 };
            match &mut self.earlier {
                Some(earlier) => earlier.mean = weight,
                None => self.prior_centre = Some(weight - own),
            }
        }
        self.held = None;
        self.forget_latest();
        Ok(())
    }
}
