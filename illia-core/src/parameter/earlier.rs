//! A prior that was a posterior: what earlier data left of each element, as a Gaussian (variational continual learning,
//! Nguyen et al. 2018, equation 2).

use tch::{Kind, Tensor};

use super::{Posterior, Prior, RandomParameter};
use crate::dist::gaussian;
use crate::error::{Error, Result};

/// N(mean, sigma²), independent for each element, or along axes of a weight's rows as a posterior has them.
#[derive(Debug)]
pub(crate) struct Earlier {
    pub mean: Tensor,
    pub sigma: Tensor,
    pub axes: Option<Tensor>,
}

/// What its tensors go by in a file.
pub(crate) const PARTS: [&str; 3] = ["prior_mean", "prior_sigma", "prior_axes"];

impl Earlier {
    /// Its tensors in the order of [`PARTS`].
    pub(crate) fn parts(&self) -> [Option<&Tensor>; 3] {
        [Some(&self.mean), Some(&self.sigma), self.axes.as_ref()]
    }

    /// (w - mean) / sigma along the axes.
    fn standardised(&self, w: &Tensor) -> Tensor {
        let off = w - &self.mean;
        let along = self.axes.as_ref().map_or_else(|| off.shallow_clone(), |axes| off.matmul(axes));
        along / &self.sigma
    }

    /// log p(w) in nats; only the sum over a row's elements is the row's where there are axes.
    pub(super) fn log_density(&self, w: &Tensor) -> Tensor {
        gaussian::log_density(&self.standardised(w), &Tensor::from(1.0)) - self.sigma.log()
    }

    /// KL(N(mu, sigma²) ‖ this) in nats with sigma along `axes`, summed as [`log_density`](Self::log_density). 0 to the bit from itself.
    pub(super) fn kl_from_gaussian(&self, mu: &Tensor, sigma: &Tensor, axes: Option<&Tensor>) -> Tensor {
        let ratio = sigma / &self.sigma;
        let squares = match between(axes, self.axes.as_ref()) {
            Some(turn) => sigma.square().matmul(&turn.square()) / self.sigma.square(),
            None => ratio.square(),
        };
        (self.standardised(mu).square() + squares) / 2.0 - ratio.log() - 0.5
    }

    /// The gradient of -log p(w) by w: the precision times w - mean.
    pub(crate) fn pull(&self, w: &Tensor) -> Tensor {
        let along = self.standardised(w) / &self.sigma;
        self.axes.as_ref().map_or_else(|| along.shallow_clone(), |axes| along.matmul(&axes.tr()))
    }

    /// The diagonal of the precision along `axes`, in double precision.
    pub(crate) fn precision(&self, axes: Option<&Tensor>) -> Tensor {
        let own = self.sigma.to_kind(Kind::Double).square().reciprocal();
        match between(self.axes.as_ref(), axes) {
            Some(turn) => own.matmul(&turn.to_kind(Kind::Double).square()),
            None => own,
        }
    }

    /// The precision of a row, `[inputs, inputs]`, summed over the rows, in double precision.
    pub(crate) fn precision_of_rows(&self) -> Tensor {
        let sum = self.precision(self.axes.as_ref()).sum_dim_intlist(0i64, false, Kind::Double).diag(0);
        match self.axes.as_ref().map(|axes| axes.to_kind(Kind::Double)) {
            Some(axes) => axes.matmul(&sum).matmul(&axes.tr()),
            None => sum,
        }
    }

    /// Makes elements that covary independent, with the standard deviations that they have.
    fn straighten(&mut self) {
        if let Some(axes) = self.axes.take() {
            self.sigma = self.sigma.square().matmul(&axes.square().tr()).sqrt();
        }
    }
}

/// What takes numbers along the axes `from` to those along `to`; None where they are the same.
fn between(from: Option<&Tensor>, to: Option<&Tensor>) -> Option<Tensor> {
    match (from, to) {
        (None, None) => None,
        (Some(from), Some(to)) if from.equal(to) => None,
        (Some(from), Some(to)) => Some(from.tr().matmul(to)),
        (Some(from), None) => Some(from.tr()),
        (None, Some(to)) => Some(to.shallow_clone()),
    }
}

/// sigma relative to the prior's of what a fit with nothing set leaves as a point, which moves no output by more than training leaves open.
pub(crate) const POINT: f64 = 1e-3;

/// The smallest spread of a prior.
const SMALLEST: f64 = 1e-8;

impl RandomParameter {
    /// The prior, where it is an earlier posterior.
    pub(crate) fn earlier(&self) -> Option<&Earlier> {
        self.earlier.as_ref()
    }

    /// Gives it an earlier posterior for its prior.
    pub(crate) fn set_earlier(&mut self, earlier: Earlier) {
        self.prior.set(Prior::Earlier);
        self.prior_centre = None;
        self.earlier = Some(earlier);
    }

    /// The posterior as a prior; None for a plain weight, which has neither.
    ///
    /// # Errors
    /// [`Error::Unfit`] for a posterior that is no Gaussian, a point, and numbers that no prior can have.
    pub(crate) fn posterior_for_prior(&self) -> Result<Option<Earlier>> {
        if !self.is_random() {
            return Ok(None);
        }
        let unfit = |problem: String| Error::Unfit { layer: self.name().to_owned(), problem };
        let Some(sigma) = self.sigma_along_axes() else {
            return Err(unfit(format!(
                "its posterior, {}, is no Gaussian over the weights, so that it can't become a prior: choose `Gaussian`",
                self.posterior().name()
            )));
        };
        let _no_grad = tch::no_grad_guard();
        let (mean, sigma) = (self.location().copy(), sigma.detach());
        // What is pruned has no prior; the 1 keeps its numbers finite.
        let sigma =
            self.pruned_mask().map_or_else(|| sigma.shallow_clone(), |mask| sigma.masked_fill(mask, 1.0));
        let finite = |numbers: &Tensor| numbers.isfinite().all().int64_value(&[]) != 0;
        let kept = self.kept(&sigma);
        if !finite(&mean) || !finite(&sigma) || kept.lt(SMALLEST).any().int64_value(&[]) != 0 {
            return Err(unfit(format!(
                "its posterior has numbers that are not finite, or a sigma below {SMALLEST:e}"
            )));
        }
        if let Posterior::Automatic | Posterior::AutomaticLast = self.posterior()
            && let Some((_, std)) = self.fixed_gaussian()
            && kept.numel() > 0
            && kept.max().double_value(&[]) <= 1.01 * POINT * std
        {
            return Err(unfit(
                "it ended as a point, since a fit with nothing set knows the spread of the last layer alone: as a prior it could never \
                 move again; choose `posterior: Gaussian(rho: -4.0)`, or give the net a Gaussian by Laplace's approximation"
                    .to_owned(),
            ));
        }
        Ok(Some(Earlier { mean, sigma, axes: self.axes().map(Tensor::copy) }))
    }

    /// Makes the posterior what its prior, an earlier posterior, is; nothing for other priors.
    pub(crate) fn start_at_earlier(&self) {
        let Some(Earlier { mean, sigma, axes }) = &self.earlier else { return };
        self.set_gaussian(mean, sigma);
        if let Some(axes) = axes {
            self.set_axes(axes);
        }
    }

    /// Makes the elements of a prior that covary independent, with the standard deviations that they have.
    pub(super) fn straighten_earlier(&mut self) {
        if let Some(earlier) = &mut self.earlier {
            tch::no_grad(|| earlier.straighten());
        }
    }

    /// The diagonal of a Gaussian prior's precision along the posterior's axes, where it is fixed: one number, or one for each element.
    pub(crate) fn prior_precision(&self) -> Option<Tensor> {
        let of_one = || self.fixed_gaussian().map(|(_, std)| Tensor::from(1.0 / (std * std)));
        self.earlier().map(|earlier| earlier.precision(self.axes())).or_else(of_one)
    }
}
