//! The mode of a net of one layer to the end: the directions of which the data say little are those that training reaches last.
//!
//! Newton's method in the layer's axes, where the posterior's precision is diagonal up to what bias and weights, and classes, have in
//! common; how far to go along a step is what makes a parabola of the objective least. For a net of more layers the last
//! one's mode is worth nothing by itself: the others were trained with it.

use tch::{Kind, Tensor};

use super::automatic::{Around, Automatic};
use crate::error::{Error, Result};
use crate::likelihood::Likelihood;
use crate::module::BayesianModule;
use crate::parameter::RandomParameter;
use crate::pass::{Mode, Pass};
use crate::processes::{Reduction, exchange};

/// Steps at most.
const STEPS: usize = 12;
/// What a step has to promise, in nats over all data: a mean that is 0.03 standard deviations off costs half of its square.
const WORTH: f64 = 5e-4;

impl<M: BayesianModule + ?Sized> Automatic<'_, M> {
    /// Moves the means to the mode, by steps of the posterior's variance times the gradient; whether they moved.
    ///
    /// # Errors
    /// What the net, the likelihood and the data return.
    pub(super) fn finish_mode<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<bool> {
        let held = |p: &RandomParameter| (around.held)(&format!("{}.mu", p.name()));
        if !self.is_one_layer || around.is_validated || self.last.iter().any(|p| held(p)) {
            return Ok(false);
        }
        for taken in 0..STEPS {
            let (before, gradients) = self.objective(around, true)?;
            let _no_grad = tch::no_grad_guard();
            let step = |(parameter, gradient): (&&RandomParameter, &Tensor)| {
                let variance = parameter.sigma_along_axes()?.square();
                let variables = parameter.variables();
                Some(variables.turned(variables.along(gradient.shallow_clone()) * variance))
            };
            let steps: Vec<Tensor> = self.last.iter().zip(&gradients).filter_map(step).collect();
            let promised: f64 =
                steps.iter().zip(&gradients).map(|(s, g)| (s * g).sum(Kind::Double).double_value(&[])).sum();
            if steps.len() < self.last.len() || !promised.is_finite() || promised * 0.5 < WORTH {
                return Ok(taken > 0);
            }
            let kept: Vec<Tensor> = self.last.iter().map(|parameter| parameter.mu().copy()).collect();
            let go = |length: f64| {
                for ((parameter, kept), step) in self.last.iter().zip(&kept).zip(&steps) {
                    parameter.mu().shallow_clone().copy_(&(kept - step * length));
                    parameter.forget_latest();
                }
            };
            go(1.0);
            let (at_one, _) = self.objective(around, false)?;
            // f(t) = before - promised t + bend t² / 2 has its least where the slope is 0.
            let bend = 2.0 * (at_one - before + promised);
            let length = if bend > 0.0 { (promised / bend).min(2.0) } else { 1.0 };
            go(length);
            let (after, _) = self.objective(around, false)?;
            if after.is_nan() || after >= before {
                go(0.0);
                return Ok(taken > 0);
            }
        }
        Ok(true)
    }

    /// -log p(data, means) in nats up to a constant, the likelihood divided by the KL's weight, over all data; and its gradients by the
    /// last layer's means.
    fn objective<L: Likelihood>(&self, around: &Around<'_, L>, slopes: bool) -> Result<(f64, Vec<Tensor>)> {
        let mut own = self.own_objective(around, slopes);
        if let Some(group) = around.processes {
            let (mut sums, _) = exchange(group, "mode", own, |_| [])?;
            for sum in &mut sums {
                group.all_reduce(sum, Reduction::Sum)?;
            }
            own = Ok(sums);
        }
        let mut sums = own?.into_iter();
        let _no_grad = tch::no_grad_guard();
        let value = sums.next().map_or(f64::NAN, |sum| sum.double_value(&[]));
        let penalty: f64 = self.last.iter().filter_map(|parameter| parameter.mode_penalty()).sum();
        let gradients = self.last.iter().zip(sums).map(|(parameter, sum)| {
            let of_penalty = parameter.mode_penalty_gradient(1.0).unwrap_or_else(|| sum.zeros_like());
            sum + of_penalty
        });
        Ok((value + penalty, gradients.collect()))
    }

    /// The likelihood's part from this process's examples: the value, then the gradients.
    fn own_objective<L: Likelihood>(&self, around: &Around<'_, L>, slopes: bool) -> Result<Vec<Tensor>> {
        let means: Vec<&Tensor> = self.last.iter().map(|parameter| parameter.mu()).collect();
        let mut value = Tensor::zeros([0i64; 0], (Kind::Double, around.vs.device()));
        let mut gradients: Vec<Tensor> = means.iter().map(|mean| mean.zeros_like()).collect();
        let (rank, size) = around.processes.map_or((0, 1), |group| (group.rank(), group.size()));
        let own =
            around.rows.chunks(around.batch_size).enumerate().filter(|(number, _)| number % size == rank);
        for (_, rows) in own {
            let batch = around.batch(rows)?;
            let _pass = Pass::over(&self.parameters, Mode::Means, None);
            let sum = || {
                let output = (around.forward)(&batch.inputs, false)?;
                let each = around.likelihood.log_likelihood(&output, &batch.target)?;
                Ok::<_, Error>(each.sum(Kind::Double) * (-1.0 / around.kl_weight))
            };
            let sum = if slopes { tch::with_grad(sum) } else { tch::no_grad(sum) }?;
            value += sum.detach();
            if slopes {
                let by = Tensor::f_run_backward(&[sum], &means, false, false)
                    .map_err(|e| Error::torch("mode", &e))?;
                for (all, one) in gradients.iter_mut().zip(by).filter(|(_, one)| one.defined()) {
                    *all = tch::no_grad(|| &*all + one);
                }
            }
        }
        Ok([value].into_iter().chain(gradients).collect())
    }
}
