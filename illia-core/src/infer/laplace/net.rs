//! The approximation as the posterior of the net itself.

use tch::Kind;

use super::curvature::Curvature;
use super::{FittedLaplace, treated_of};
use crate::error::{Error, Result};
use crate::infer::{Named, set_posterior};
use crate::module::BayesianModule;

impl FittedLaplace {
    /// Makes the approximation the posterior of `net`, which it was fitted to: each treated weight becomes N(θ, 1 / (h / σ² + prior precision)).
    /// Where a parameter's prior is an [earlier posterior](crate::posterior_as_prior), its precision stands in the place of
    /// [`prior_precision`](Self::prior_precision), so that the curvatures of one set of data after the other add up (Ritter et al. 2018,
    /// "Online structured Laplace approximations", equation 9).
    ///
    /// # Errors
    /// [`Error::Configuration`] for another structure than [`Structure::Diagonal`](super::Structure::Diagonal), whose weights covary as those of no
    /// family do, and for another net, or one whose weights have changed since the fit; as [`set_posterior`]. Nothing has been changed then.
    pub fn set_posterior<M: BayesianModule + ?Sized>(&self, net: &M) -> Result<()> {
        let Curvature::Diagonal(sums) = &self.curvature else {
            let allowed = "Diagonal, to be the posterior of a net: its families have no other covariance";
            return Err(Error::configuration("structure", format!("{:?}", self.structure()), allowed));
        };
        let _no_grad = tch::no_grad_guard();
        let treated = treated_of(net, &self.blocks, &self.means)?;
        let (mut mean, mut std) = (Named::new(), Named::new());
        let blocks = self.blocks.iter().zip(sums).zip(&self.prior_precision).zip(&self.means);
        for ((name, parameter), (((block, sum), prior), own)) in treated.into_iter().zip(blocks) {
            let h = block.matrix.to_parameter(&(sum / self.noise_variance()).unsqueeze(0), &block.shape);
            let h = h.squeeze_dim(0).to_kind(Kind::Double);
            let precision = match parameter.earlier() {
                Some(earlier) => h + earlier.precision(None),
                None => h + *prior,
            };
            mean.insert(name.clone(), own.shallow_clone());
            std.insert(name, precision.rsqrt());
        }
        set_posterior(net, &mean, &std)
    }
}
