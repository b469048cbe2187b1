//! One class of several.

use tch::{Kind, Tensor};

use super::{Likelihood, Uncertainty, entropy_term, per_example};
use crate::error::{Error, Result, Within, floating};
use crate::noise::{self, Key};

/// One class of several: the output holds logits `[batch, .., classes]` (log-probabilities are logits too), the target
/// class numbers `[batch, ..]`.
///
/// ```
/// use illia_core::likelihood::{Categorical, Likelihood};
/// use tch::Tensor;
///
/// let logits = Tensor::from_slice(&[0f32, 0.0, 2.0, 0.0]).reshape([2, 2]);
/// let log_likelihood = Categorical.log_likelihood(&logits, &Tensor::from_slice(&[0i64, 0]))?;
/// assert!((log_likelihood.double_value(&[0]) + 2f64.ln()).abs() < 1e-6);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Categorical;

impl Likelihood for Categorical {
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        floating("output", output)?;
        let (mut expected, given) = (output.size(), target.size());
        let classes = expected.pop().unwrap_or(0);
        if given != expected {
            let outputs = output.size();
            let expected =
                format!("{expected:?} of class numbers, for outputs {outputs:?} with the classes last");
            return Err(Error::Shape { layer: "Categorical".to_owned(), expected, given });
        }
        if !matches!(target.kind(), Kind::Int64 | Kind::Int | Kind::Uint8 | Kind::Int16 | Kind::Int8) {
            return Err(Error::configuration(
                "target",
                format!("{:?}", target.kind()),
                "whole class numbers",
            ));
        }
        let target = target.to_kind(Kind::Int64);
        let outside = target.lt(0).logical_or(&target.ge(classes));
        if target.numel() > 0 && outside.any().int64_value(&[]) != 0 {
            let first = target.masked_select(&outside).int64_value(&[0]);
            return Err(Error::configuration("target", first, &format!("a class from 0 to {}", classes - 1)));
        }
        let log_p = output.f_log_softmax(-1, None::<Kind>).within("Categorical")?;
        Ok(per_example(&log_p.gather(-1, &target.unsqueeze(-1), false).squeeze_dim(-1)))
    }

    fn mean(&self, output: &Tensor) -> Tensor {
        output.softmax(-1, None::<Kind>)
    }

    fn variance(&self, output: &Tensor) -> Tensor {
        let p = self.mean(output);
        &p * (1.0 - &p)
    }

    fn cdf(&self, _: &Tensor, _: &Tensor) -> Option<Tensor> {
        None
    }

    fn sample(&self, output: &Tensor, key: Key) -> Result<Tensor> {
        floating("output", output)?;
        let mut size = output.size();
        let classes = size.pop().filter(|&classes| classes > 0).ok_or_else(|| Error::Shape {
            layer: "Categorical".to_owned(),
            expected: "[batch, .., classes]".to_owned(),
            given: output.size(),
        })?;
        let q = noise::uniforms(key, &size, Kind::Double, output.device()).unsqueeze(-1);
        // As many classes as lie wholly below q; rounding may leave the last sum a hair below 1.
        let sums = output.softmax(-1, Kind::Double).cumsum(-1, Kind::Double);
        let below = sums.less_equal_tensor(&q).to_kind(Kind::Int64);
        Ok(below.sum_dim_intlist(-1, false, Kind::Int64).clamp_max(classes - 1))
    }

    fn uncertainty(&self, outputs: &Tensor) -> Uncertainty {
        let p = self.mean(outputs);
        let entropy = |p: &Tensor| entropy_term(p).sum_dim_intlist(-1, false, p.kind());
        let total = per_example(&entropy(&p.mean_dim(0i64, false, p.kind())));
        let aleatoric = per_example(&entropy(&p).mean_dim(0i64, false, p.kind()));
        // Rounding may leave the difference a hair below zero.
        let epistemic = (&total - &aleatoric).clamp_min(0.0);
        Uncertainty { total, aleatoric, epistemic }
    }
}
