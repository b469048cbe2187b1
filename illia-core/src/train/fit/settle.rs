//! The last layer's posterior where the loss is no parabola in its weights: variational inference from Laplace's approximation on.
//!
//! For classes that are told apart without doubt the loss is flat at the mode and steep beyond, so that the parabola at the mode
//! leaves draws with a far larger loss than it says. The layers before stay the points that they are, so that it is a linear
//! model's posterior that is found, means and spread, by the same steps that a chosen Gaussian takes.
//!
//! Independent weights of a wide layer have too much spread together, which a noise that follows the input takes for noise. So of
//! both posteriors the one is kept whose predictions make the data more probable.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use tch::{Kind, Tensor};

use super::automatic::{Around, Automatic};
use crate::error::{Error, Result};
use crate::likelihood::Likelihood;
use crate::module::BayesianModule;
use crate::noise;
use crate::parameter::Estimator;
use crate::pass::Draws;
use crate::predict::Predict;
use crate::train::optim::Adam;
use crate::train::trainer::{Trainer, mean_nll};

/// Steps at most, and the largest of them: the spread may move by a factor of e twice over.
const STEPS: usize = 1_500;
const STEP_SIZE: f64 = 1e-2;
/// Lines through the posterior along which the loss is looked at, and the points of each, in standard deviations from the mean.
const LINES: usize = 4;
const POINTS: [f64; 4] = [-1.5, -0.5, 0.5, 1.5];
/// The third difference of a parabola is none; beside the second, rounding leaves less than this.
const BENT: f64 = 0.02;
/// Draws of a prediction.
const DRAWS: usize = 64;
/// Examples that the loss is looked at for, at most.
const EXAMPLES: usize = 1 << 10;

impl<M: BayesianModule + ?Sized> Automatic<'_, M> {
    /// Moves the last layer's posterior to its best, in `steps` steps at most, if that makes better predictions.
    ///
    /// # Errors
    /// What the net, the likelihood and the data return.
    pub(super) fn settle<L: Likelihood>(&self, around: &Around<'_, L>, steps: usize) -> Result<()> {
        if self.is_parabola(around)? {
            return Ok(());
        }
        let before = self.log_predictive(around)?;
        let trained = self.trained(around);
        let kept: Vec<Tensor> = trained.iter().map(|(_, variable)| variable.detach().copy()).collect();
        let settled =
            self.descend(around, &trained, steps.min(STEPS)).and_then(|()| self.log_predictive(around));
        // Laplace's approximation stays where steps from it led to no number, too, or came to no end.
        let is_better = match &settled {
            Ok(after) => !(around.is_interrupted)() && (*after >= before || before.is_nan()),
            Err(_) => false,
        };
        if !is_better {
            let _no_grad = tch::no_grad_guard();
            for ((_, variable), kept) in trained.iter().zip(&kept) {
                variable.shallow_clone().copy_(kept);
            }
            self.last.iter().for_each(|parameter| parameter.forget_latest());
        }
        match settled {
            Ok(_) | Err(Error::NonFinite { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The last layer's variables and the likelihood's own, by their names in the store, without those that are held.
    fn trained<L: Likelihood>(&self, around: &Around<'_, L>) -> Vec<(String, Tensor)> {
        let own = around.likelihood.named_variables();
        let of_last = |name: &str| {
            self.last.iter().any(|p| name.strip_prefix(p.name()).is_some_and(|rest| rest.starts_with('.')))
        };
        let all = around.vs.variables().into_iter();
        all.filter(|(name, variable)| of_last(name) || own.iter().any(|(_, own)| own.is_set_to(variable)))
            .filter(|(name, _)| !(around.held)(name))
            .collect()
    }

    fn descend<L: Likelihood>(
        &self,
        around: &Around<'_, L>,
        trained: &[(String, Tensor)],
        steps: usize,
    ) -> Result<()> {
        let mut trainer = Trainer::new(Adam::default(), around.rows.len())?;
        trainer.estimator = Estimator::LocalReparameterization;
        trainer.group("", 0.0);
        for (name, _) in trained {
            trainer.group(name, 1.0);
        }
        let mut rows = Vec::new();
        for step in 0..steps {
            if (around.is_interrupted)() {
                break;
            }
            if rows.is_empty() {
                rows = around.shuffled()?;
            }
            let batch = rows.split_off(rows.len().saturating_sub(around.step_size));
            let batch = around.batch(&batch)?;
            trainer.learning_rate = STEP_SIZE * 0.5 * (1.0 + (PI * step as f64 / steps as f64).cos());
            trainer.step(self.net, around.vs, around.kl_weight, || {
                let output = (around.forward)(&batch.inputs, false)?;
                let target = around.noisier(&output, &batch.target)?;
                Ok(mean_nll(&around.likelihood.log_likelihood(&output, &target)?))
            })?;
        }
        Ok(())
    }

    /// How probable the predictions make the data, the mean of log p(y | x) over examples.
    fn log_predictive<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<f64> {
        let batch = around.batch(around.rows.get(..EXAMPLES).unwrap_or(&around.rows))?;
        let mut how = Predict::new().draws(DRAWS);
        if around.alone {
            how = how.per_example();
        }
        let prediction = how.run_with(self.net, &batch.inputs, |inputs| (around.forward)(inputs, false))?;
        let mean = tch::no_grad(|| (around.forward)(&batch.inputs, false))?;
        let each = prediction.log_predictive(around.likelihood, &around.noisier(&mean, &batch.target)?)?;
        Ok(each.mean(Kind::Double).double_value(&[]))
    }

    /// Whether the loss is a parabola along lines through the last layer's posterior.
    fn is_parabola<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<bool> {
        let batch = around.batch(around.rows.get(..EXAMPLES).unwrap_or(&around.rows))?;
        let mut how = Predict::new();
        if around.alone {
            how = how.per_example();
        }
        let names: BTreeMap<_, _> =
            self.net.named_parameters().into_iter().map(|(name, p)| (p.id(), name)).collect();
        for _ in 0..LINES {
            let mut weights = BTreeMap::new();
            for parameter in &self.parameters {
                let (mu, Some(name)) = (parameter.location().detach(), names.get(&parameter.id())) else {
                    continue;
                };
                let line = match self.last.iter().any(|last| last.id() == parameter.id()) {
                    true => {
                        let normals =
                            noise::normals(around.noise.next_key(), &mu.size(), mu.kind(), mu.device());
                        parameter.with_noise(&normals).detach() - &mu
                    }
                    false => mu.zeros_like(),
                };
                weights.insert(name.clone(), Tensor::stack(&POINTS.map(|at| &mu + &line * at), 0));
            }
            let draws = Draws::new(self.net, &weights)?;
            let prediction = how
                .run_draws_with(self.net, &draws, &batch.inputs, |inputs| (around.forward)(inputs, false))?;
            let outputs = prediction.outputs();
            let mut losses = [0.0; POINTS.len()];
            for (at, loss) in losses.iter_mut().enumerate() {
                let each = around.likelihood.log_likelihood(&outputs.get(at as i64), &batch.target)?;
                *loss = -each.mean(Kind::Double).double_value(&[]);
            }
            let [a, b, c, d] = losses;
            let (third, second) = (d - 3.0 * c + 3.0 * b - a, (d - c - b + a).abs());
            if third.is_nan() || third.abs() > BENT * second {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
