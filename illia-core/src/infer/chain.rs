//! A Markov chain over a net's weights: SGHMC around nets.

use tch::nn::ModuleT;
use tch::{Kind, Tensor};

use super::sghmc::Sghmc;
use super::{Named, draws_of, normals_like, weights};
use crate::error::{Error, Result};
use crate::likelihood::Likelihood;
use crate::noise::{self, Stream};
use crate::{BayesianModule, Draws, Elbo};

/// How a chain runs: from the weights as they are, best those of a trained net of points (`posterior: Point`).
///
/// ```
/// use illia_core::infer::chain::Chain;
/// use illia_core::likelihood::Gaussian;
/// use illia_core::nn::{Linear, LinearConfig};
/// use illia_core::{Posterior, Predict};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let point = LinearConfig { posterior: Posterior::point(), ..LinearConfig::default() };
/// let net = Linear::new(vs.root(), 1, 1, point); // trained before
/// let x = Tensor::linspace(-1.0, 1.0, 20, (Kind::Float, Device::Cpu)).unsqueeze(1);
/// let chain = Chain { burn_in: 100, every: 10, draws: 20, ..Chain::default() };
/// let draws = chain.run(&net, &Gaussian::fixed(0.3)?, &x, &(&x * 2.0))?;
/// assert_eq!(Predict::new().run_draws(&net, &draws, &x)?.outputs().size(), [20, 20, 1]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chain {
    /// The dynamics.
    pub sghmc: Sghmc,
    /// Steps before the first draw is waited for; 1000 by default.
    pub burn_in: usize,
    /// Steps from draw to draw; 50 by default.
    pub every: usize,
    /// How many draws; 100 by default.
    pub draws: usize,
    /// Examples a step; all of them by default. The gradient's noise of smaller batches heats the chain, unless the step size is
    /// small.
    pub batch_size: usize,
}

impl Default for Chain {
    fn default() -> Self {
        Chain { sghmc: Sghmc::default(), burn_in: 1000, every: 50, draws: 100, batch_size: usize::MAX }
    }
}

impl Chain {
    /// Walks through the weights of `net` by the gradients of log p(y | x, weights) + log p(weights), and ends where it began: the
    /// net is as it was. `x` `[N, ..]`, `y` `[N, ..]`; the likelihood's own variables stay as they are.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a parameter that is no point (named), no draws, no step between draws, no rows; what net and
    /// likelihood return; [`Error::NonFinite`] where the chain runs away: its step size is too large.
    pub fn run<M: BayesianModule + ModuleT>(
        &self,
        net: &M,
        likelihood: &dyn Likelihood,
        x: &Tensor,
        y: &Tensor,
    ) -> Result<Draws> {
        for (name, value) in [("draws", self.draws), ("every", self.every), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(Error::configuration(name, value, "at least 1"));
            }
        }
        let _span = tracing::debug_span!(target: "illia::infer", "chain", draws = self.draws).entered();
        let parameters = net.named_parameters();
        if let Some((name, _)) = parameters.iter().find(|(_, parameter)| parameter.is_spread()) {
            return Err(Error::configuration("chain", format!("`{name}` with a posterior"), "points alone"));
        }
        let before = weights(net);
        let position: Named =
            parameters.iter().map(|(name, p)| (name.clone(), p.mu().shallow_clone())).collect();
        let draws = self.walk(net, likelihood, &position, x, y);
        tch::no_grad(|| {
            for (variable, before) in position.values().zip(before.values()) {
                variable.shallow_clone().copy_(before);
            }
        });
        draws_of(net, &draws?)
    }

    fn walk<M: BayesianModule + ModuleT>(
        &self,
        net: &M,
        likelihood: &dyn Likelihood,
        position: &Named,
        x: &Tensor,
        y: &Tensor,
    ) -> Result<Vec<Named>> {
        let rows = x.size().first().copied().unwrap_or(0);
        let elbo = Elbo::new(likelihood, rows.max(0) as usize)?;
        let (noise, shuffles) = (Stream::new(), Stream::new());
        let mut state = self.sghmc.init(position)?;
        let mut batches = Vec::new();
        let mut draws = Vec::with_capacity(self.draws);
        for step in 1..=self.burn_in.saturating_add(self.every.saturating_mul(self.draws)) {
            let loss = if self.batch_size as i64 >= rows || self.batch_size > i64::MAX as usize {
                elbo.loss(net, x, y)?.loss
            } else {
                if batches.is_empty() {
                    let order = noise::uniforms(shuffles.next_key(), &[rows], Kind::Float, x.device());
                    batches = order.argsort(0, false).split(self.batch_size as i64, 0);
                }
                let Some(rows) = batches.pop() else { continue };
                elbo.loss(net, &x.f_index_select(0, &rows)?, &y.f_index_select(0, &rows)?)?.loss
            };
            let value = loss.f_double_value(&[])?;
            if !value.is_finite() {
                return Err(Error::NonFinite { epoch: 0, step, term: "log posterior", value });
            }
            let variables: Vec<&Tensor> = position.values().collect();
            let gradients = Tensor::f_run_backward(&[loss], &variables, false, false)?;
            let of_sum = gradients.into_iter().map(|gradient| gradient * -(rows as f64));
            let gradient: Named = position.keys().cloned().zip(of_sum).collect();
            let normals = normals_like(position, noise.next_key());
            self.sghmc.update(&mut state, position, &gradient, &normals)?;
            if step > self.burn_in && (step - self.burn_in).is_multiple_of(self.every) {
                draws.push(weights(net));
            }
        }
        Ok(draws)
    }
}

#[cfg(test)]
mod tests {
    use tch::{Device, nn};

    use super::*;
    use crate::likelihood::Gaussian;
    use crate::nn::{Linear, LinearConfig};
    use crate::{Posterior, Prior, manual_seed};

    /// Points under the prior N(0, 0.8²), one weight each, no bias.
    fn linear(vs: &nn::VarStore, posterior: Posterior) -> Linear {
        let prior = Prior::Gaussian { mean: 0.0, std: 0.8 };
        Linear::new(vs.root(), 1, 1, LinearConfig { bias: false, prior, posterior, ..Default::default() })
    }

    fn data() -> (Tensor, Tensor) {
        let x = Tensor::linspace(-1.0, 1.0, 25, (Kind::Float, Device::Cpu)).unsqueeze(1);
        (x.shallow_clone(), x * 1.5)
    }

    /// y = w x + N(0, σ²): the posterior of w is N(Σxy / σ² / P, 1 / P) with P = Σx² / σ² + 1 / 0.8².
    #[test]
    fn its_draws_are_those_of_a_linear_gaussian_models_posterior() {
        manual_seed(3);
        let (x, y) = data();
        let vs = nn::VarStore::new(Device::Cpu);
        let net = linear(&vs, Posterior::point());
        let before = net.weight.mu().copy();
        let squares = x.square().sum(Kind::Double).double_value(&[]);
        let precision = squares / 0.25 + 1.0 / 0.64;
        // A fifth of a radian of the oscillation a step, damped: 30 steps are about independent.
        let learning_rate = 0.2 / precision.sqrt();
        let sghmc = Sghmc { learning_rate, alpha: 0.3 / learning_rate, ..Sghmc::default() };
        let chain = Chain { sghmc, burn_in: 200, every: 30, draws: 800, ..Chain::default() };
        let draws = chain.run(&net, &Gaussian::fixed(0.5).unwrap(), &x, &y).unwrap();
        assert_eq!(net.weight.mu(), &before);
        let w = draws.of(net.weight.id()).unwrap().to_kind(Kind::Double);
        let mean = 1.5 * squares / 0.25 / precision;
        let off = (w.mean(Kind::Double).double_value(&[]) - mean) * precision.sqrt();
        assert!(off.abs() < 5.0 / 800f64.sqrt(), "{off} standard deviations");
        let ratio = w.var(true).double_value(&[]) * precision;
        // 5 standard errors, and the discretisation's own error, which is of the order of (0.2)².
        assert!((ratio - 1.0).abs() < 5.0 * (2f64 / 800.0).sqrt() + 0.04, "{ratio}");
    }

    #[test]
    fn mistakes_are_said_and_leave_the_net_as_it_was() {
        let (x, y) = data();
        let vs = nn::VarStore::new(Device::Cpu);
        let likelihood = Gaussian::fixed(0.5).unwrap();
        let spread = linear(&vs, Posterior::fan_in());
        let refused = Chain::default().run(&spread, &likelihood, &x, &y).unwrap_err().to_string();
        assert!(refused.contains("`weight`"), "{refused}");
        let vs = nn::VarStore::new(Device::Cpu);
        let net = linear(&vs, Posterior::point());
        let before = net.weight.mu().copy();
        assert!(Chain { draws: 0, ..Chain::default() }.run(&net, &likelihood, &x, &y).is_err());
        let sghmc = Sghmc { learning_rate: 1e3, ..Sghmc::default() };
        let away = Chain { sghmc, ..Chain::default() }.run(&net, &likelihood, &x, &y).unwrap_err();
        assert!(matches!(away, Error::NonFinite { .. }), "{away}");
        assert_eq!(net.weight.mu(), &before);
    }

    #[test]
    fn small_batches_walk_too() {
        let (x, y) = data();
        let vs = nn::VarStore::new(Device::Cpu);
        let net = linear(&vs, Posterior::point());
        let chain = Chain { burn_in: 3, every: 2, draws: 4, batch_size: 10, ..Chain::default() };
        assert_eq!(chain.run(&net, &Gaussian::fixed(0.5).unwrap(), &x, &y).unwrap().len(), 4);
    }
}
