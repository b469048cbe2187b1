//! A step's objective, and its gradients by what the estimators consumed.

use tch::Tensor;

use super::sums::Sums;
use super::trainer::{Terms, Trainer, nothing};
use crate::error::{Error, Result};
use crate::module::kl_in_training;
use crate::parameter::{ById, RandomParameter};
use crate::pass::leaves::Leaves;
use crate::pass::{Closed, Mode, Pass, Rows};
use crate::simd::math::LEAST_EXPONENT;

/// A step's objective, its gradients, and what they are gradients by.
pub(super) type Gradients = (Terms, Sums, ById<Leaves>);

impl Trainer {
    /// The objective and its gradients by this process's examples.
    pub(super) fn own_gradients(
        &self,
        parameters: &[&RandomParameter],
        trained: &[bool],
        weight: f64,
        (draws, parts): (usize, usize),
        nll: &mut dyn FnMut(usize) -> Result<Tensor>,
    ) -> Result<Gradients> {
        let shared = self.processes.as_ref().filter(|group| group.size() > 1);
        let shard = match (shared, self.shard) {
            (Some(_), None) => {
                return Err(Error::configuration(
                    "shard",
                    "none",
                    "which rows of the batch are this process's",
                ));
            }
            (shared, shard) => shared.and(shard),
        };
        // Each process has the whole KL, which is counted once.
        let of_rest = weight / shared.map_or(1, |group| group.size()) as f64;
        let mode = match self.means {
            true => Mode::Means,
            false => Mode::Train { draws: self.optimiser.needs_draws(), automatic: self.estimator },
        };
        let pass = Pass::over(parameters, mode, None);
        let mut sums = Sums::new(trained.len(), draws);
        let (mut total, mut kl) = (0.0, 0.0);
        for draw in 0..draws {
            if draw > 0 {
                pass.renew(1);
            }
            for part in 0..parts {
                if let Some(shard) = shard {
                    let (first, len) = shard.part(part, parts).computed();
                    pass.computes(Rows { first, len });
                }
                let nll = scalar(nll(part)?)?;
                let value = finite("negative log-likelihood", nll.double_value(&[]))?;
                total += value / draws as f64;
                let mut loss = if draws == 1 { nll } else { nll / draws as f64 };
                if (draw, part) == (0, 0) {
                    let (closed, rest) = match self.means {
                        true => (parameters.iter().filter_map(|p| p.mode_penalty()).sum(), None),
                        false => kl_of(parameters, &pass),
                    };
                    let nats = closed + rest.as_ref().map_or(0.0, |rest| rest.double_value(&[]));
                    kl = finite("kl cost", nats).map_err(|error| too_narrow(parameters).unwrap_or(error))?;
                    if let Some(rest) = rest {
                        loss += rest * of_rest;
                    }
                }
                if !loss.requires_grad() {
                    return Err(nothing("without a gradient (frozen, or under `no_grad`)"));
                }
                sums.backward(&loss, &self.variables, trained, &pass, part == 0)?;
            }
        }
        let Closed { leaves, strangers } = pass.close();
        if strangers.iter().any(|(name, variable)| self.variables.holds(name, variable)) {
            return Err(Error::configuration(
                "model",
                "a random parameter that the model's traversal does not reach",
                "a forward whose random parameters are all the model's own (one inside `nn::Sequential`, `nn::Func` or a \
                 skipped field is not), frozen, or of another store",
            ));
        }
        Ok((Terms { nll: total, kl }, sums, leaves))
    }
}

/// The KL as far as the leaves' pass summed it, and the rest by autograd.
fn kl_of(parameters: &[&RandomParameter], pass: &Pass) -> (f64, Option<Tensor>) {
    let (mut closed, mut rest) = (0.0, None::<Tensor>);
    for parameter in parameters.iter().filter(|parameter| parameter.is_random()) {
        match pass.closed_kl(parameter.id()) {
            Some(nats) => closed += nats,
            None => {
                let nats = kl_in_training(parameter);
                rest = Some(match rest.take() {
                    Some(sum) => sum + nats,
                    None => nats,
                });
            }
        }
    }
    (closed, rest)
}

/// Which parameter has no KL because its spread is none, if that is the reason.
fn too_narrow(parameters: &[&RandomParameter]) -> Option<Error> {
    parameters.iter().find_map(|parameter| {
        let rho = parameter.spread().filter(|(_, rho)| rho.numel() > 0)?.1.detach();
        // Minus infinity is what pruning leaves.
        let least = rho.masked_fill(&rho.isneginf(), 0.0).min().double_value(&[]);
        (least < f64::from(LEAST_EXPONENT)).then(|| Error::Unfit {
            layer: parameter.name().to_owned(),
            problem: format!(
                "a rho of {least:.1} is below {LEAST_EXPONENT}, where sigma = softplus(rho) leaves the floats: start rho higher, or \
                 make a weight without spread a `Point` or deterministic"
            ),
        })
    })
}

/// A loss is one number.
fn scalar(loss: Tensor) -> Result<Tensor> {
    if !loss.defined() || loss.numel() != 1 {
        let given = if loss.defined() { loss.size() } else { Vec::new() };
        let expected = "one number, the batch's mean".to_owned();
        return Err(Error::Shape { layer: "loss".to_owned(), expected, given });
    }
    // A view costs a node in the graph.
    Ok(if loss.dim() == 0 { loss } else { loss.reshape([0i64; 0]) })
}

fn finite(term: &'static str, value: f64) -> Result<f64> {
    match value.is_finite() {
        true => Ok(value),
        false => Err(Error::NonFinite { epoch: 0, step: 0, term, value }),
    }
}
