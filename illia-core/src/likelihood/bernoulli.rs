//! Yes or no.

use tch::Tensor;

use super::{Likelihood, Uncertainty, entropy_term, in_range, matched, per_example};
use crate::error::{Result, floating};
use crate::noise::{self, Key};

/// Yes or no, for each element: the output holds logits `[batch, ..]`, the target 0 or 1 (or a share between).
///
/// ```
/// use illia_core::likelihood::{Bernoulli, Likelihood};
/// use tch::Tensor;
///
/// let logits = Tensor::from_slice(&[0f32, 2.0]).reshape([2, 1]);
/// assert!((Bernoulli.mean(&logits).double_value(&[1, 0]) - 0.8808).abs() < 1e-4);
/// let yes = Tensor::from_slice(&[1f32, 1.0]).reshape([2, 1]);
/// assert!((Bernoulli.log_likelihood(&logits, &yes)?.double_value(&[0]) + 2f64.ln()).abs() < 1e-6);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Bernoulli;

impl Likelihood for Bernoulli {
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        let target = matched("Bernoulli", output, target)?;
        in_range(&target, 0.0, 1.0, "from 0 to 1")?;
        // log sigmoid(x) = -softplus(-x), so that neither end overflows.
        Ok(per_example(&(output * target - output.softplus())))
    }

    fn mean(&self, output: &Tensor) -> Tensor {
        output.sigmoid()
    }

    fn variance(&self, output: &Tensor) -> Tensor {
        let p = output.sigmoid();
        &p * (1.0 - &p)
    }

    fn cdf(&self, _: &Tensor, _: &Tensor) -> Option<Tensor> {
        None
    }

    fn sample(&self, output: &Tensor, key: Key) -> Result<Tensor> {
        floating("output", output)?;
        let q = noise::uniforms(key, &output.size(), output.kind(), output.device());
        Ok(q.less_tensor(&output.sigmoid()).to_kind(output.kind()))
    }

    fn uncertainty(&self, outputs: &Tensor) -> Uncertainty {
        let p = self.mean(outputs);
        let entropy = |p: &Tensor| entropy_term(p) + entropy_term(&(1.0 - p));
        let total = per_example(&entropy(&p.mean_dim(0i64, false, p.kind())));
        let aleatoric = per_example(&entropy(&p).mean_dim(0i64, false, p.kind()));
        let epistemic = (&total - &aleatoric).clamp_min(0.0);
        Uncertainty { total, aleatoric, epistemic }
    }
}
