//! An objective for nets that predict their own noise.

use tch::Tensor;

use super::{HeteroscedasticGaussian, Likelihood, per_example};
use crate::error::{Error, Result};
use crate::noise::Key;

/// What trains a net that predicts means and noise without letting it give up on what it finds hard (Seitzer et al. 2022).
///
/// Under [`HeteroscedasticGaussian`] an error counts by the inverse of the noise's variance, so rows that once looked noisy are hardly
/// learned from any more. Here each example's log density is weighted by σ^(2 β), which has no gradient of its own; β = 0 is the
/// log-likelihood itself, at β = 1 the means are fitted as by least squares. So that the data keep their weight beside the KL, the
/// weights are divided by their mean over the batch. Outputs are those of `HeteroscedasticGaussian`, and all but the objective,
/// [`log_predictive`](Likelihood::log_predictive) with it, is what that says.
///
/// ```
/// use illia_core::likelihood::{BetaNll, HeteroscedasticGaussian, Likelihood};
/// use tch::Tensor;
///
/// // Means 0, noise of 0.1 and 1, and both targets one standard deviation away: the noisy one counts ten times as much.
/// let rho = |std: f64| std.exp_m1().ln();
/// let output = Tensor::from_slice(&[0.0, rho(0.1), 0.0, rho(1.0)]).reshape([2, 2]);
/// let target = Tensor::from_slice(&[0.1, 1.0]).reshape([2, 1]);
/// let ratio = BetaNll::new(0.5)?.log_likelihood(&output, &target)?
///     / HeteroscedasticGaussian.log_likelihood(&output, &target)?;
/// assert!((ratio.double_value(&[1]) / ratio.double_value(&[0]) - 10.0).abs() < 0.1);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct BetaNll {
    beta: f64,
}

impl BetaNll {
    /// The authors recommend β = 0.5.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a β outside of 0 to 1.
    pub fn new(beta: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&beta) {
            return Ok(BetaNll { beta });
        }
        Err(Error::configuration("beta", beta, "from 0 to 1"))
    }
}

impl Likelihood for BetaNll {
    fn has_noise_of_its_own(&self) -> bool {
        true
    }

    /// The weighted log densities, which are no densities any more: an objective. An example of several numbers is weighted by the
    /// geometric mean of their σ^(2 β).
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        let each = HeteroscedasticGaussian.log_likelihood(output, target)?;
        let variance = self.variance(&output.detach());
        let elements = variance.numel() as f64 / each.numel().max(1) as f64;
        let weight = (per_example(&variance.log()) * (self.beta / elements.max(1.0))).exp();
        Ok(each * (&weight / weight.mean(weight.kind())))
    }

    fn mean(&self, output: &Tensor) -> Tensor {
        HeteroscedasticGaussian.mean(output)
    }

    fn variance(&self, output: &Tensor) -> Tensor {
        HeteroscedasticGaussian.variance(output)
    }

    fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor> {
        HeteroscedasticGaussian.cdf(output, y)
    }

    fn sample(&self, output: &Tensor, key: Key) -> Result<Tensor> {
        HeteroscedasticGaussian.sample(output, key)
    }

    fn log_predictive(&self, outputs: &Tensor, target: &Tensor) -> Result<Tensor> {
        HeteroscedasticGaussian.log_predictive(outputs, target)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::inverse_softplus;

    /// The gradients of the objective's mean with respect to each mean.
    fn pulls(beta: f64, stds: [f64; 2], errors: [f64; 2]) -> [f64; 2] {
        let [a, b] = stds.map(inverse_softplus);
        let output = Tensor::from_slice(&[0.0, a, 0.0, b]).reshape([2, 2]).set_requires_grad(true);
        let target = Tensor::from_slice(&errors).reshape([2, 1]);
        let objective =
            BetaNll::new(beta).unwrap().log_likelihood(&output, &target).unwrap().mean(Kind::Double);
        let gradients = Tensor::run_backward(&[objective], &[&output], false, false);
        [gradients[0].double_value(&[0, 0]), gradients[0].double_value(&[1, 0])]
    }

    #[test]
    fn an_errors_pull_falls_with_the_noise_by_one_power_less_for_each_half_of_beta() {
        // d/dμ of σ^(2β) log N(y; μ, σ²) is σ^(2β - 2) (y - μ).
        for beta in [0.0, 0.5, 1.0] {
            let [quiet, noisy] = pulls(beta, [0.2, 1.6], [0.3, 0.3]);
            let expected = 8f64.powf(2.0 - 2.0 * beta);
            assert!((quiet / noisy / expected - 1.0).abs() < 2e-3, "{beta}: {}", quiet / noisy);
        }
    }

    #[test]
    fn equal_noise_or_no_beta_leaves_the_log_likelihood() {
        let output = Tensor::randn([5, 4], (Kind::Float, Device::Cpu));
        let target = Tensor::randn([5, 2], (Kind::Float, Device::Cpu));
        let plain = |output: &Tensor| HeteroscedasticGaussian.log_likelihood(output, &target).unwrap();
        let weighted =
            |beta, output: &Tensor| BetaNll::new(beta).unwrap().log_likelihood(output, &target).unwrap();
        assert!(weighted(0.0, &output).allclose(&plain(&output), 1e-6, 1e-6, false));
        let same =
            Tensor::cat(&[output.narrow(1, 0, 2), Tensor::full([5, 2], -0.4, (Kind::Float, Device::Cpu))], 1);
        assert!(weighted(0.7, &same).allclose(&plain(&same), 1e-5, 1e-5, false));
        assert!(!weighted(0.7, &output).allclose(&plain(&output), 1e-2, 1e-2, false));
    }

    #[test]
    fn predictions_are_the_gaussians() {
        let outputs = Tensor::randn([3, 5, 2], (Kind::Float, Device::Cpu));
        let target = Tensor::randn([5, 1], (Kind::Float, Device::Cpu));
        let own = BetaNll::new(1.0).unwrap();
        let theirs = HeteroscedasticGaussian.log_predictive(&outputs, &target).unwrap();
        assert_eq!(own.log_predictive(&outputs, &target).unwrap(), theirs);
        assert!(BetaNll::new(1.5).is_err() && BetaNll::new(f64::NAN).is_err());
    }
}
