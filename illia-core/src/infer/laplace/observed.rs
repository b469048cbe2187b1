//! What a likelihood says of a net's outputs: its value, and its curvature by the outputs.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::{Error, Result};
use crate::likelihood::{Categorical, HeteroscedasticGaussian, Likelihood, matched};

/// The kind of target. Λ is minus the second derivative of an example's log-likelihood by its outputs, in expectation over the
/// target, so that it has no negative direction: the generalised Gauss-Newton approximation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Observed {
    /// Numbers with noise of one scale, by whose square everything is divided later: Λ = I.
    Numbers,
    /// Numbers with noise that the net predicts.
    Heteroscedastic,
    /// One class of several.
    Classes,
}

impl Observed {
    /// The k-th column of a square root of each example's Λ, `[batch, outputs]`, for outputs of that shape: Λ is the sum over
    /// all k of the column times itself transposed.
    pub fn root(self, outputs: &Tensor, k: i64) -> Tensor {
        match self {
            Observed::Classes => {
                // diag(p) - p pᵀ is R Rᵀ with R = (I - p 1ᵀ) diag(sqrt p).
                let p = outputs.softmax(-1, None::<Kind>);
                let root = p.narrow(-1, k, 1).sqrt();
                let own = p.zeros_like();
                let _ = own.narrow(-1, k, 1).fill_(1.0);
                let column = own - p;
                column * root
            }
            _ => {
                let column = outputs.zeros_like();
                column.narrow(-1, k, 1).copy_(&self.diagonal(outputs).narrow(-1, k, 1).sqrt());
                column
            }
        }
    }

    /// The diagonal of each example's Λ, `[batch, outputs]`.
    pub fn diagonal(self, outputs: &Tensor) -> Tensor {
        match self {
            Observed::Numbers => outputs.ones_like(),
            Observed::Classes => {
                let p = outputs.softmax(-1, None::<Kind>);
                &p * (1.0 - &p)
            }
            Observed::Heteroscedastic => {
                // Of a normal's Fisher information by mean and sigma, 1 / sigma² and 2 / sigma², the second by rho.
                let variance = HeteroscedasticGaussian.variance(outputs);
                let half = variance.size().last().copied().unwrap_or(0);
                let slope = outputs.narrow(-1, half, half).sigmoid();
                Tensor::cat(&[variance.reciprocal(), 2.0 * slope.square() / &variance], -1)
            }
        }
    }

    /// The sum of Λ over the examples, `[outputs, outputs]`.
    pub fn summed(self, outputs: &Tensor) -> Tensor {
        let diagonal = |rows: &Tensor| rows.sum_dim_intlist(0i64, false, rows.kind()).diag(0);
        match self {
            Observed::Classes => {
                let p = outputs.softmax(-1, None::<Kind>).to_kind(Kind::Double);
                diagonal(&p) - p.tr().matmul(&p)
            }
            _ => diagonal(&self.diagonal(outputs).to_kind(Kind::Double)),
        }
    }

    /// The batch's sum of squared errors for numbers, whose noise may change; else its log-likelihood in nats.
    pub fn value(self, outputs: &Tensor, target: &Tensor) -> Result<f64> {
        let value = match self {
            Observed::Numbers => {
                let target = matched("Laplace", outputs, target)?;
                (outputs.to_kind(Kind::Double) - target.to_kind(Kind::Double)).square()
            }
            Observed::Heteroscedastic => HeteroscedasticGaussian.log_likelihood(outputs, target)?,
            Observed::Classes => Categorical.log_likelihood(&outputs.to_kind(Kind::Double), target)?,
        };
        Ok(value.sum(Kind::Double).double_value(&[]))
    }

    /// Refuses outputs that are none of this kind of target; `[batch, ..]`.
    pub fn check(self, outputs: &Tensor) -> Result<()> {
        let size = outputs.size();
        let (fits, expected) = match self {
            Observed::Classes => (size.len() == 2, "[batch, classes]"),
            Observed::Numbers => (!size.is_empty(), "[batch, ..]"),
            Observed::Heteroscedastic => {
                let even = size.last().is_some_and(|n| n % 2 == 0 && *n > 0);
                (size.len() == 2 && even, "[batch, 2 n]: n means and n rho")
            }
        };
        match fits {
            true => Ok(()),
            false => Err(Error::Shape {
                layer: "Laplace".to_owned(),
                expected: format!("{expected} of outputs"),
                given: size,
            }),
        }
    }
}
