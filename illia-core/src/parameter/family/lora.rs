//! A low-rank adapter on a weight that stays as it is (Hu et al. 2022), of which one factor is random (BLoB: Wang et al. 2024).
//!
//! The weight, as a matrix of its first axis by all others, is W = W₀ + (alpha / rank) B A. W₀ is not trained. A, `[rank, inputs]`,
//! has a mean-field Gaussian posterior and the prior; B, `[outputs, rank]`, is a point that starts at 0, so that training starts at
//! W₀. Given B, the distribution of W is that of A: KL(q(W) ‖ p(W)) = KL(q(A) ‖ p(A)) (Wang et al., theorem 3.2).

use tch::Tensor;
use tch::nn::Init;

use super::{Counts, Family, PriorOf, Start, Variables};
use crate::dist::gaussian;
use crate::error::{Error, Result};
use crate::noise::{self, Key};
use crate::parameter::initial::{HE, finite};

/// The adapter's settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lora {
    pub rank: i64,
    pub alpha: f64,
    pub rho: Init,
}

const A: &str = "lora_a";
const A_RHO: &str = "lora_a_rho";
const B: &str = "lora_b";

/// The variables that a file of plain weights does not have.
pub(crate) const FACTORS: [&str; 3] = [A, A_RHO, B];

/// The factors, in the variables' graph.
#[derive(Debug)]
pub(crate) struct Factors {
    /// The mean of A, `[rank, inputs]`.
    pub a: Tensor,
    /// Its standard deviation.
    pub sigma: Tensor,
    /// (alpha / rank) B, `[outputs, rank]`.
    pub b: Tensor,
}

impl Lora {
    pub(crate) fn factors(&self, variables: &Variables) -> Option<Factors> {
        Some(Factors {
            a: variables.get(A)?.shallow_clone(),
            sigma: variables.get(A_RHO)?.softplus(),
            b: variables.get(B)? * (self.alpha / self.rank as f64),
        })
    }

    fn with(&self, variables: &Variables, a: impl FnOnce(&Factors) -> Tensor) -> Tensor {
        let own = variables.mu();
        match self.factors(variables) {
            Some(factors) => own + factors.b.matmul(&a(&factors)).view_as(own),
            None => own.shallow_clone(),
        }
    }
}

fn drawn(factors: &Factors, key: Key) -> Tensor {
    let Factors { a, sigma, .. } = factors;
    a + sigma * noise::normals(key, &a.size(), a.kind(), a.device())
}

impl Family for Lora {
    fn name(&self) -> String {
        format!("Lora({}, {})", self.rank, self.alpha)
    }

    fn validate(&self) -> Result<()> {
        finite("rho", self.rho)?;
        if self.rank < 1 {
            return Err(Error::configuration("rank", self.rank, "at least 1"));
        }
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return Err(Error::configuration("alpha", self.alpha, "a finite number above 0"));
        }
        Ok(())
    }

    /// A starts as a linear layer's weight does in PyTorch, uniform within ±1 / sqrt(inputs), B at 0 (Hu et al. 2022).
    fn start(&self, start: &Start<'_>) -> Vec<(&'static str, Tensor)> {
        let (outputs, inputs) = match start.shape {
            [outputs, others @ ..] => (*outputs, others.iter().product()),
            [] => (1, 1),
        };
        let (a, bound) = ([self.rank, inputs], 1.0 / (inputs as f64).sqrt());
        vec![
            ("mu", start.initial(HE)),
            (A, start.initial_of(Init::Uniform { lo: -bound, up: bound }, &a)),
            (A_RHO, start.initial_of(self.rho, &a)),
            (B, start.initial_of(Init::Const(0.0), &[outputs, self.rank])),
        ]
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["mu"]
    }

    fn counts(&self, variables: &Variables) -> Counts {
        let of = |name| variables.get(name).map_or(0, Tensor::numel);
        Counts { random: of(A), plain: variables.mu().numel() + of(B) }
    }

    fn draw(&self, variables: &Variables, key: Key) -> Tensor {
        self.with(variables, |factors| drawn(factors, key))
    }

    fn mean(&self, variables: &Variables) -> Tensor {
        self.with(variables, |factors| factors.a.shallow_clone())
    }

    /// That of A: exact where the prior has a closed form, else log q - log p at the draw in use.
    fn kl(&self, variables: &Variables, prior: &PriorOf<'_>) -> Option<Tensor> {
        let factors = self.factors(variables)?;
        let exact = prior.kl_from_gaussian(&factors.a, &factors.sigma);
        exact.or_else(|| {
            let a = drawn(&factors, prior.key()?);
            let log_q = gaussian::log_density(&(&a - &factors.a), &factors.sigma).sum(a.kind());
            Some(log_q - prior.log_density(&a))
        })
    }
}

#[cfg(test)]
mod tests;
