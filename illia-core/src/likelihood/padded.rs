//! One class for each place of a sequence, where some places are padding.

use tch::{Kind, Tensor};

use super::{Categorical, Likelihood, Uncertainty};
use crate::error::Result;
use crate::noise::Key;

/// [`Categorical`] on sequences of different lengths: a target of `ignore_index` says nothing. An example is a whole sequence, whose
/// log-likelihood is the sum over the places that are not ignored; N in the objective counts sequences.
///
/// ```
/// use illia_core::likelihood::{Categorical, Likelihood};
/// use tch::{Device, Kind, Tensor};
///
/// let tags = Categorical::padded(-1);
/// let logits = Tensor::zeros([1, 3, 2], (Kind::Float, Device::Cpu));
/// let log_likelihood = tags.log_likelihood(&logits, &Tensor::from_slice(&[0i64, 1, -1]).view([1, 3]))?;
/// assert!((log_likelihood.double_value(&[0]) + 2.0 * 2f64.ln()).abs() < 1e-6);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PaddedCategorical {
    /// The target that says nothing: a padding token's number, or one below 0.
    pub ignore_index: i64,
}

impl Categorical {
    /// The same for sequences whose targets of `ignore_index` are padding.
    pub fn padded(ignore_index: i64) -> PaddedCategorical {
        PaddedCategorical { ignore_index }
    }
}

impl Likelihood for PaddedCategorical {
    /// Of targets `[batch, .., places]`: `[batch]`, 0 for an example that is padding alone.
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        let ignored = target.eq(self.ignore_index);
        if target.size().len() + 1 != output.size().len() || target.dim() == 0 {
            return Categorical.log_likelihood(output, target);
        }
        // An ignored place is one of equal scores, whatever the net says: a constant without a gradient, taken off again.
        let classes = output.size().last().copied().unwrap_or(1).max(1);
        let output = output.masked_fill(&ignored.unsqueeze(-1), 0.0);
        let all = Categorical.log_likelihood(&output, &target.masked_fill(&ignored, 0))?;
        let count = ignored.to_kind(all.kind());
        let count = if count.dim() > 1 {
            count.flatten(1, -1).sum_dim_intlist(-1, false, None::<Kind>)
        } else {
            count
        };
        Ok(all + count * (classes as f64).ln())
    }

    fn mean(&self, output: &Tensor) -> Tensor {
        Categorical.mean(output)
    }

    fn variance(&self, output: &Tensor) -> Tensor {
        Categorical.variance(output)
    }

    fn cdf(&self, output: &Tensor, y: &Tensor) -> Option<Tensor> {
        Categorical.cdf(output, y)
    }

    fn sample(&self, output: &Tensor, key: Key) -> Result<Tensor> {
        Categorical.sample(output, key)
    }

    fn uncertainty(&self, outputs: &Tensor) -> Uncertainty {
        Categorical.uncertainty(outputs)
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn ignored_places_count_for_nothing_and_move_nothing() {
        let logits = Tensor::randn([2, 4, 5], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let target = Tensor::from_slice(&[1i64, 4, -100, 2, -100, -100, -100, -100]).view([2, 4]);
        let log_likelihood = Categorical::padded(-100).log_likelihood(&logits, &target).unwrap();
        let first = logits.detach().get(0).index_select(0, &Tensor::from_slice(&[0i64, 1, 3]));
        let alone =
            Categorical.log_likelihood(&first.unsqueeze(0), &Tensor::from_slice(&[1i64, 4, 2]).view([1, 3]));
        let expected = Tensor::cat(&[alone.unwrap(), Tensor::zeros([1], (Kind::Float, Device::Cpu))], 0);
        assert!(log_likelihood.allclose(&expected, 1e-5, 1e-5, false), "{log_likelihood}");
        log_likelihood.sum(Kind::Float).backward();
        let gradient = logits.grad();
        assert_eq!(gradient.get(1).abs().max().double_value(&[]), 0.0);
        assert_eq!(gradient.get(0).get(2).abs().max().double_value(&[]), 0.0);
        assert!(gradient.get(0).get(1).abs().max().double_value(&[]) > 0.0);
        // What is not ignored is checked as always.
        let outside = Tensor::from_slice(&[1i64, 5, 0, 0, 0, 0, 0, 0]).view([2, 4]);
        assert!(Categorical::padded(-100).log_likelihood(&logits, &outside).is_err());
    }
}
