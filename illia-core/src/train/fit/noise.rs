//! A learned noise, and whatever else a likelihood learns, where nobody chose a posterior.
//!
//! A net that is trained to its mode takes for signal what its weights do not know: with a noise that is trained beside them it
//! comes to pass through every target, and the noise goes to 0. So the noise has no part in training. It is found again
//! and again while the means are trained, as the prior's scale is: the data's errors are those of the means and those of the weights'
//! posterior, whose outputs have γ / N of the noise's variance on average (MacKay 1992, section 4; the update is the EM algorithm's,
//! Bishop 2006, section 9.3.4). Once the last layer has its spread, its own draws say its part; what the layers before it do not know, which is in no
//! draw, counts as noise.
//!
//! A noise that the outputs say can't be held. There the targets get more noise, of the variance that the weights took of what the outputs say, drawn
//! anew in each step, so that σ² ends where it is r² + σ² γ / N of the errors r: the same fixed point.

use tch::Tensor;

use super::automatic::{Around, Automatic};
use crate::error::{Error, Result};
use crate::likelihood::{Likelihood, matched};
use crate::module::BayesianModule;
use crate::noise::{Key, normals};
use crate::predict::Predict;
use crate::train::trainer::mean_nll;

/// Examples, and draws of each, that a learned noise is fitted to, at most.
const NOISE: (usize, usize) = (1 << 10, 16);
/// The most that the weights are taken to determine of the examples.
const MOST: f64 = 0.9;

impl<M: BayesianModule + ?Sized> Automatic<'_, M> {
    /// The likelihood's variables that training leaves to [`find_noise`](Self::find_noise), by their names in the store: those around outputs
    /// that are the target's mean themselves, whose errors are known (of a logarithm, say, they are not), where weights can be counted and noise be drawn.
    ///
    /// # Errors
    /// What the net and the data return.
    pub(super) fn noise_to_find<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<Vec<String>> {
        let own = around.likelihood.named_variables();
        if own.is_empty() || self.determined_shares(around)?.is_none() {
            return Ok(Vec::new());
        }
        let one = around.batch(around.rows.get(..1).unwrap_or_default())?;
        let output = tch::no_grad(|| (around.forward)(&one.inputs, false))?;
        // One of the user's may draw nothing.
        let drawn = around.likelihood.sample(&output, around.noise.next_key());
        let is_around_mean = around.likelihood.mean(&output).equal(&output);
        if !is_around_mean || drawn.is_err() || matched("noise", &output, &one.target).is_err() {
            return Ok(Vec::new());
        }
        let of_own = |variable: &Tensor| own.iter().any(|(_, own)| own.is_set_to(variable));
        let free = around.free_variables().into_iter().filter(|(_, variable)| of_own(variable));
        Ok(free.map(|(name, _)| name).collect())
    }

    /// Moves the noise to where the data are most probable under the weights' posterior around the means, seen from the net as a linear model.
    ///
    /// # Errors
    /// What the net, the likelihood and the data return, and [`Error::NonFinite`] where a noise is no number.
    pub(super) fn find_noise<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<()> {
        let share = match self.determined_shares(around)? {
            Some([share, _]) => share,
            // Without a prior the means are all that there is.
            None if around.kl_weight <= 0.0 => 0.0,
            None => return Ok(()),
        };
        let batch = around.batch(around.rows.get(..NOISE.0).unwrap_or(&around.rows))?;
        let output = tch::no_grad(|| (around.forward)(&batch.inputs, false))?;
        let (outputs, target) = (repeated(&output), repeated(&batch.target));
        let target = matched("noise", &outputs, &target)?;
        // As the likelihood draws it, so that any noise has it.
        let noise = tch::no_grad(|| around.likelihood.sample(&outputs, around.noise.next_key()))? - &outputs;
        let outputs = &outputs + noise * share.sqrt();
        descend(&around.free_variables(), || loss(around.likelihood, &outputs, &target)).map(drop)
    }

    /// What part of a noise that the outputs say has to be added to the targets, in variance, for it to be that of new data: the weights took γ / N of
    /// it, and those before the last layer, which end as points, are off by as much; None where that can't be counted.
    ///
    /// # Errors
    /// What the net, the likelihood and the data return.
    pub(super) fn missing_noise<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<Option<f64>> {
        let shares = self.determined_shares(around)?;
        Ok(shares.map(|[all, last]| 1.0 - (1.0 - all.min(MOST)) * (1.0 - (all.min(MOST) - last).max(0.0))))
    }

    /// Moves the likelihood's variables, a learned noise, to where the data are most probable under the draws, with errors as large as new
    /// data would have; gives the largest change of one, 0 where there is none.
    pub(super) fn fit_noise<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<f64> {
        let one = around.batch(around.rows.get(..1).unwrap_or_default())?;
        let output = tch::no_grad(|| (around.forward)(&one.inputs, false))?;
        if !loss(around.likelihood, &output, &one.target)?.requires_grad() {
            return Ok(0.0);
        }
        let batch = around.batch(around.rows.get(..NOISE.0).unwrap_or(&around.rows))?;
        let mut how = Predict::new().draws(NOISE.1);
        if around.alone {
            how = how.per_example();
        }
        let prediction = how.run_with(self.net, &batch.inputs, |inputs| (around.forward)(inputs, false))?;
        let mut outputs = prediction.outputs().flatten(0, 1);
        let target = repeated(&batch.target);
        if let Ok(target) = matched("noise", &outputs, &target)
            && around.likelihood.mean(&outputs).equal(&outputs)
        {
            let left = self.left_by_points(around)?;
            outputs = &target + (outputs - &target) / left;
        }
        descend(&around.free_variables(), || loss(around.likelihood, &outputs, &target))
    }
}

impl<L: Likelihood> Around<'_, L> {
    /// Targets with what is missing of the noise that the outputs say.
    ///
    /// # Errors
    /// [`Error::Shape`] for targets of another shape than the outputs' mean.
    pub(super) fn noisier(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        match self.missing_noise {
            Some(missing) => noisier(self.likelihood, output, target, missing, self.noise.next_key()),
            None => Ok(target.shallow_clone()),
        }
    }

    /// What is trained of the store, by name.
    fn free_variables(&self) -> Vec<(String, Tensor)> {
        let all = self.vs.variables().into_iter();
        all.filter(|(name, variable)| variable.requires_grad() && !(self.held)(name)).collect()
    }
}

/// Targets with noise beside their own, `missing` of the variance that the outputs say.
///
/// # Errors
/// [`Error::Shape`] for targets of another shape than the outputs' mean.
pub(super) fn noisier<L: Likelihood>(
    likelihood: &L,
    output: &Tensor,
    target: &Tensor,
    missing: f64,
    key: Key,
) -> Result<Tensor> {
    let output = output.detach();
    let mean = likelihood.mean(&output);
    let std = (likelihood.variance(&output) * missing).sqrt();
    Ok(matched("noise", &mean, target)? + std * normals(key, &mean.size(), mean.kind(), mean.device()))
}

/// Once for each draw.
fn repeated(examples: &Tensor) -> Tensor {
    let times = |axis: usize| if axis == 0 { NOISE.1 as i64 } else { 1 };
    examples.repeat((0..examples.dim()).map(times).collect::<Vec<_>>())
}

/// The mean negative log-likelihood.
fn loss<L: Likelihood>(likelihood: &L, output: &Tensor, target: &Tensor) -> Result<Tensor> {
    tch::with_grad(|| Ok(mean_nll(&likelihood.log_likelihood(output, target)?)))
}

/// Moves those of the variables that `loss` depends on to its minimum; gives the largest change of one. Each element moves by the sign
/// of its slope, further while that stays, half as far once it turns (Riedmiller & Braun 1993).
fn descend(variables: &[(String, Tensor)], loss: impl Fn() -> Result<Tensor>) -> Result<f64> {
    let all: Vec<&Tensor> = variables.iter().map(|(_, variable)| variable).collect();
    if all.is_empty() {
        return Ok(0.0);
    }
    // Of each variable: where it was, its latest steps' sizes and signs.
    let mut moved: Vec<Option<[Tensor; 3]>> = all.iter().map(|_| None).collect();
    for _ in 0..60 {
        let gradients = Tensor::f_run_backward(&[loss()?], &all, false, false);
        let gradients = gradients.map_err(|e| Error::torch("noise", &e))?;
        let _no_grad = tch::no_grad_guard();
        let numbers =
            |gradient: &Tensor| !gradient.defined() || gradient.isfinite().all().int64_value(&[]) != 0;
        if !gradients.iter().all(numbers) {
            let term = "gradient of the likelihood's own variables";
            return Err(Error::NonFinite { epoch: 0, step: 0, term, value: f64::NAN });
        }
        for ((variable, state), gradient) in all.iter().zip(&mut moved).zip(gradients) {
            if !gradient.defined() {
                continue;
            }
            let sign = gradient.sign();
            let (start, size) = match state.take() {
                None => (variable.copy(), variable.full_like(0.05)),
                Some([start, size, before]) => {
                    let turned = (before * &sign).lt(0.0);
                    (start, (&size * 0.5).where_self(&turned, &(&size * 1.2)))
                }
            };
            let _ = variable.shallow_clone().g_sub_(&(&size * &sign));
            *state = Some([start, size, sign]);
        }
    }
    let _no_grad = tch::no_grad_guard();
    let changes = all.iter().zip(moved).filter_map(|(now, state)| {
        let [then, ..] = state?;
        Some((*now - then).abs().max().double_value(&[]))
    });
    Ok(changes.fold(0.0, f64::max))
}
