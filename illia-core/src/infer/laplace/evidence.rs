//! The log marginal likelihood, and the prior precision and noise that maximise it.

use std::f64::consts::PI;

use tch::{Kind, Tensor};

use super::blocks::Block;
use super::curvature::Curvature;
use super::observed::Observed;
use super::{FittedLaplace, posterior};
use crate::error::{Error, Result, Within};

/// The log marginal likelihood of the training data under the approximation, log p(D) ≈ `log_likelihood` -
/// (`log_det_ratio` + `scatter`) / 2, and its parts, in nats (MacKay 1992; Immer et al. 2021, equation 5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Of the training data at the weights as they are.
    pub log_likelihood: f64,
    /// θᵀ diag(prior precision) θ.
    pub scatter: f64,
    /// log det P - log det diag(prior precision).
    pub log_det_ratio: f64,
}

impl Evidence {
    /// In nats.
    pub fn log_marginal_likelihood(&self) -> f64 {
        self.log_likelihood - 0.5 * (self.log_det_ratio + self.scatter)
    }
}

/// How many prior precisions the evidence chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Priors {
    /// One for all weights.
    #[default]
    One,
    /// One for each layer, weight and bias together.
    PerLayer,
    /// One for each parameter.
    PerParameter,
}

/// What maximises the evidence under the curvature as it is; [`FittedLaplace::set`] takes it over.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimum {
    /// One for each treated parameter, from 1e-10 to 1e10: weights that are all 0, say, have their maximum at infinity.
    pub prior_precision: Vec<f64>,
    /// The noise's standard deviation.
    pub sigma_noise: f64,
    /// There, in nats.
    pub log_marginal_likelihood: f64,
}

/// Where optima are looked for, in logarithms.
const LOG_RANGE: (f64, f64) = (-23.025_850_929_940_457, 23.025_850_929_940_457);

/// Rounds of turns between prior and noise, at most.
const ROUNDS: usize = 200;

impl FittedLaplace {
    /// The evidence and its parts under the prior precision and noise that are set.
    ///
    /// # Errors
    /// [`Error::Torch`] where the matrix can't be decomposed.
    pub fn evidence(&self) -> Result<Evidence> {
        self.evidence_at(&self.prior_precision, self.sigma_noise)
    }

    /// The log marginal likelihood in nats under another prior precision, one for all treated parameters or one for each, and
    /// noise (1 but for regression). Cheap: the curvature is decomposed already, save with [`Structure::Full`](super::Structure::Full) and
    /// unequal precisions.
    ///
    /// # Errors
    /// [`Error::Configuration`] for numbers that are not above 0, or another number of them.
    pub fn log_marginal_likelihood(&self, prior_precision: &[f64], sigma_noise: f64) -> Result<f64> {
        let prior = self.each_precision(prior_precision)?;
        Ok(self.evidence_at(&prior, self.checked_sigma(sigma_noise)?)?.log_marginal_likelihood())
    }

    /// The prior precisions, and the noise too if `sigma_noise`, that maximise the log marginal likelihood under the curvature as it is: after
    /// training, or between its epochs for weight decays that set themselves (Immer et al. 2021, algorithm 1). Nothing is changed.
    ///
    /// For one block apart from others the maximum is where δ |θ|² = γ(δ), the number of well-determined parameters (MacKay 1992, equation
    /// 4.9), which has one solution; likewise for the noise.
    ///
    /// # Errors
    /// [`Error::Configuration`] for the noise of targets that have none to choose.
    pub fn optimum(&self, priors: Priors, sigma_noise: bool) -> Result<Optimum> {
        if sigma_noise && self.observed != Observed::Numbers {
            return Err(Error::configuration("sigma_noise", "to be chosen", "only by `Laplace::regression`"));
        }
        tch::no_grad(|| {
            let groups = groups(priors, &self.blocks);
            let (mut prior, mut sigma) = (self.prior_precision.clone(), self.sigma_noise);
            let mut best = f64::NEG_INFINITY;
            for _ in 0..ROUNDS {
                self.choose_prior(&groups, sigma * sigma, &mut prior)?;
                if sigma_noise {
                    sigma = self.best_noise(&prior)?.sqrt();
                }
                let now = self.evidence_at(&prior, sigma)?.log_marginal_likelihood();
                let settled = (now - best).abs() <= 1e-12 * now.abs().max(1.0);
                best = now;
                // Blocks that stand apart and a given noise are done in one round.
                if settled || (!sigma_noise && self.apart(&groups)) {
                    break;
                }
            }
            Ok(Optimum { prior_precision: prior, sigma_noise: sigma, log_marginal_likelihood: best })
        })
    }

    /// Takes an optimum over.
    ///
    /// # Errors
    /// [`Error::Configuration`] for that of another net.
    pub fn set(&mut self, optimum: &Optimum) -> Result<()> {
        let prior = self.each_precision(&optimum.prior_precision)?;
        self.sigma_noise = self.checked_sigma(optimum.sigma_noise)?;
        self.prior_precision = prior;
        Ok(())
    }

    fn evidence_at(&self, prior: &[f64], sigma: f64) -> Result<Evidence> {
        let scatter = prior.iter().zip(&self.squares).map(|(prior, squares)| prior * squares).sum();
        let over = self.over_prior(prior)? / (sigma * sigma);
        let log_det_ratio = over.log1p().sum(Kind::Double).double_value(&[]);
        Ok(Evidence { log_likelihood: self.log_likelihood(sigma), scatter, log_det_ratio })
    }

    fn log_likelihood(&self, sigma: f64) -> f64 {
        match self.observed {
            Observed::Numbers => {
                -self.value / (2.0 * sigma * sigma) - self.targets() * (sigma * (2.0 * PI).sqrt()).ln()
            }
            _ => self.value,
        }
    }

    /// How many numbers the targets are.
    fn targets(&self) -> f64 {
        self.examples as f64 * self.outputs as f64
    }

    /// The eigenvalues of H relative to the prior precision: P's, relative likewise, are those over σ² plus 1.
    fn over_prior(&self, prior: &[f64]) -> Result<Tensor> {
        match (&self.curvature, self.curvature.whole(), prior) {
            (_, Some(eigenvalues), [first, rest @ ..]) if rest.iter().all(|p| p == first) => {
                Ok(eigenvalues / *first)
            }
            (Curvature::LowRank(low), ..) => {
                Ok(low.relative(&posterior::prior_of(&self.blocks, prior, &low.root))?.values)
            }
            (Curvature::Full { hessian, .. }, ..) => {
                let values = self.relative(hessian, prior).f_linalg_eigvalsh("L").within("Laplace")?;
                Ok(values.clamp_min(0.0))
            }
            _ => {
                let each = prior.iter().enumerate().filter_map(|(block, prior)| {
                    self.curvature.eigenvalues(block).map(|values| values / *prior)
                });
                Tensor::f_cat(&each.collect::<Vec<_>>(), 0).within("Laplace")
            }
        }
    }

    /// H with rows and columns divided by the roots of the prior precision.
    fn relative(&self, hessian: &Tensor, prior: &[f64]) -> Tensor {
        let root = posterior::prior_of(&self.blocks, prior, hessian).rsqrt();
        hessian * root.unsqueeze(1) * root.unsqueeze(0)
    }

    /// Whether a group's best precision depends on no other group's.
    fn apart(&self, groups: &[Vec<usize>]) -> bool {
        groups.len() < 2 || self.curvature.whole().is_none()
    }

    /// Sets `prior` to the best for this noise variance, or, where blocks are not apart, to something better.
    fn choose_prior(&self, groups: &[Vec<usize>], noise: f64, prior: &mut [f64]) -> Result<()> {
        let together = if self.apart(groups) { None } else { Some(self.determined(noise, prior)?) };
        for group in groups {
            let squares: f64 = group.iter().filter_map(|&block| self.squares.get(block)).sum();
            let best = match (&together, self.curvature.whole()) {
                // MacKay's update.
                (Some(gamma), _) => {
                    let gamma: f64 = group.iter().filter_map(|&block| gamma.get(block)).sum();
                    (gamma / squares).clamp(LOG_RANGE.0.exp(), LOG_RANGE.1.exp())
                }
                (None, Some(eigenvalues)) => best_precision(eigenvalues, squares, noise),
                (None, None) => {
                    let values = group.iter().filter_map(|&block| self.curvature.eigenvalues(block));
                    best_precision(&Tensor::cat(&values.collect::<Vec<_>>(), 0), squares, noise)
                }
            };
            for &block in group {
                if let Some(own) = prior.get_mut(block) {
                    *own = best;
                }
            }
        }
        Ok(())
    }

    /// Of each block under the whole matrix: how many of its parameters the data determine.
    fn determined(&self, noise: f64, prior: &[f64]) -> Result<Vec<f64>> {
        let (values, vectors) = match &self.curvature {
            Curvature::Full { hessian, .. } => {
                let (values, vectors) = self.relative(hessian, prior).f_linalg_eigh("L").within("Laplace")?;
                (values.clamp_min(0.0), vectors)
            }
            Curvature::LowRank(low) => {
                let along = low.relative(&posterior::prior_of(&self.blocks, prior, &low.root))?;
                (along.values, along.rows.tr())
            }
            _ => return Ok(Vec::new()),
        };
        let each = vectors.square().matmul(&(&values / (&values + noise)));
        let lens: Vec<i64> = self.blocks.iter().map(|block| block.matrix.len()).collect();
        let blocks = each.f_split_with_sizes(lens, 0).within("Laplace")?;
        Ok(blocks.iter().map(|block| block.sum(Kind::Double).double_value(&[])).collect())
    }

    /// The best noise variance under this prior: where the squared errors over it are as many as targets that no parameter was spent on.
    fn best_noise(&self, prior: &[f64]) -> Result<f64> {
        let over = self.over_prior(prior)?;
        Ok(falling_root(|log| {
            let noise = log.exp();
            self.value / noise - self.targets() + share(&over, noise)
        })
        .exp())
    }
}

/// Which blocks share a prior precision.
fn groups(priors: Priors, blocks: &[Block]) -> Vec<Vec<usize>> {
    let mut groups: Vec<(&str, Vec<usize>)> = Vec::new();
    for (i, block) in blocks.iter().enumerate() {
        let key = match priors {
            Priors::One => "",
            Priors::PerLayer => block.name.rsplit_once('.').map_or("", |(layer, _)| layer),
            Priors::PerParameter => &block.name,
        };
        match groups.iter_mut().find(|(own, _)| *own == key) {
            Some((_, group)) => group.push(i),
            None => groups.push((key, vec![i])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The δ at which δ `squares` = γ(δ), for curvature of these eigenvalues.
fn best_precision(eigenvalues: &Tensor, squares: f64, noise: f64) -> f64 {
    falling_root(|log| share(eigenvalues, noise * log.exp()) - log.exp() * squares).exp()
}

/// The sum of λ / (λ + `rest`).
fn share(eigenvalues: &Tensor, rest: f64) -> f64 {
    (eigenvalues / (eigenvalues + rest)).sum(Kind::Double).double_value(&[])
}

/// Where a falling function crosses 0 within [`LOG_RANGE`], or the end that is nearest to that.
fn falling_root(f: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = LOG_RANGE;
    while high - low > 1e-13 * low.abs().max(high.abs()).max(1.0) {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        match f(middle) > 0.0 {
            true => low = middle,
            false => high = middle,
        }
    }
    0.5 * (low + high)
}
