//! Predictions: the net linear in its weights around their means, which under a Gaussian over the weights is a Gaussian over
//! functions (Khan et al. 2019; Immer et al. 2021).

use std::collections::BTreeMap;
use std::f64::consts::PI;

use tch::nn::ModuleT;
use tch::{Device, Kind, Tensor};

use super::linearised::{Linearised, Run};
use super::posterior::Posterior;
use super::{FittedLaplace, NUMBERS, must_be_alone, one_input, treated_of};
use crate::error::{Error, Result, Within, caught};
use crate::module::BayesianModule;
use crate::noise;
use crate::parameter::ParameterId;
use crate::pass::Draws;
use crate::predict::Prediction;

/// The outputs' Gaussian at each example, without the targets' noise.
#[derive(Debug)]
pub struct Functional {
    /// The net's outputs at the means, `[batch, outputs]`.
    pub mean: Tensor,
    /// J P⁻¹ Jᵀ, `[batch, outputs, outputs]`, in double precision.
    pub covariance: Tensor,
}

/// Each output's own Gaussian, without the targets' noise.
#[derive(Debug)]
pub struct Marginals {
    /// The net's outputs at the means, `[batch, outputs]`.
    pub mean: Tensor,
    /// The diagonal of J P⁻¹ Jᵀ, `[batch, outputs]`, in double precision.
    pub variance: Tensor,
}

impl Marginals {
    /// Class probabilities by the probit approximation, `[batch, classes]`: softmax(mean / sqrt(1 + π/8 variance)) (MacKay 1992).
    pub fn probit(&self) -> Tensor {
        let mean = self.mean.to_kind(Kind::Double);
        let spread: Tensor = 1.0 + &self.variance * (PI / 8.0);
        (mean / spread.sqrt()).softmax(-1, None::<Kind>)
    }

    /// The standard deviation of new targets, whose noise is added: `[batch, outputs]`.
    pub fn std_of_targets(&self, sigma_noise: f64) -> Tensor {
        (&self.variance + sigma_noise * sigma_noise).sqrt()
    }
}

type Forward<'a> = &'a dyn Fn(&[Tensor]) -> Result<Tensor>;

/// A net that an approximation was fitted to, ready to be run.
struct Bound<'a> {
    run: Run<'a>,
    ids: Vec<ParameterId>,
    device: Device,
}

impl FittedLaplace {
    /// The Gaussian over `net`'s outputs for `x` `[batch, ..]`.
    ///
    /// # Errors
    /// [`Error::Configuration`] for another net, or one whose weights have changed since the fit; what the net returns.
    pub fn functional<M: BayesianModule + ModuleT>(&self, net: &M, x: &Tensor) -> Result<Functional> {
        let alone = net.per_example();
        self.functional_by(net, std::slice::from_ref(x), alone, &|inputs| one_input(net, inputs))
    }

    /// The same for a net of any inputs, as in [`Laplace::fit_with`](super::Laplace::fit_with).
    ///
    /// # Errors
    /// As [`functional`](Self::functional).
    pub fn functional_with<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        inputs: &[Tensor],
        forward: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) -> Result<Functional> {
        self.functional_by(net, inputs, false, &|inputs| caught(|| forward(inputs))?)
    }

    /// Each output's own mean and variance, for less memory than [`functional`](Self::functional): for a last layer none of it grows
    /// with the square of the outputs, be they thousands of classes.
    ///
    /// # Errors
    /// As [`functional`](Self::functional).
    pub fn marginals<M: BayesianModule + ModuleT>(&self, net: &M, x: &Tensor) -> Result<Marginals> {
        let alone = net.per_example();
        self.marginals_by(net, std::slice::from_ref(x), alone, &|inputs| one_input(net, inputs))
    }

    /// The same for a net of any inputs.
    ///
    /// # Errors
    /// As [`functional`](Self::functional).
    pub fn marginals_with<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        inputs: &[Tensor],
        forward: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) -> Result<Marginals> {
        self.marginals_by(net, inputs, false, &|inputs| caught(|| forward(inputs))?)
    }

    /// Draws of the linear net's outputs for `x` `[batch, ..]`: each is one function of all examples, f(x) + J(x) (w - θ) for
    /// one draw w of the weights.
    ///
    /// # Errors
    /// As [`functional`](Self::functional), and [`Error::Configuration`] for no draw.
    pub fn predict<M: BayesianModule + ModuleT>(
        &self,
        net: &M,
        x: &Tensor,
        draws: usize,
    ) -> Result<Prediction> {
        let alone = net.per_example();
        self.predict_by(net, std::slice::from_ref(x), draws, alone, &|inputs| one_input(net, inputs))
    }

    /// The same for a net of any inputs.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_with<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        inputs: &[Tensor],
        draws: usize,
        forward: impl Fn(&[Tensor]) -> Result<Tensor>,
    ) -> Result<Prediction> {
        self.predict_by(net, inputs, draws, false, &|inputs| caught(|| forward(inputs))?)
    }

    /// Draws of the treated weights, for [`Predict::run_draws`](crate::Predict::run_draws): the net itself at each, not linear.
    ///
    /// # Errors
    /// As [`functional`](Self::functional), and [`Error::Configuration`] for no draw.
    pub fn draws<M: BayesianModule + ?Sized>(&self, net: &M, draws: usize) -> Result<Draws> {
        treated_of(net, &self.blocks, &self.means)?;
        tch::no_grad(|| {
            let deviations = self.deviations(&self.posterior()?, draws)?;
            let weights =
                self.blocks.iter().zip(&self.means).zip(deviations).map(|((block, mean), deviation)| {
                    let deviation = block.matrix.to_parameter(&deviation, &block.shape);
                    (block.name.clone(), mean.unsqueeze(0) + deviation.to_kind(mean.kind()))
                });
            Draws::new(net, &weights.collect::<BTreeMap<_, _>>())
        })
    }

    fn functional_by<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        inputs: &[Tensor],
        alone: bool,
        forward: Forward<'_>,
    ) -> Result<Functional> {
        let bound = self.bind(net, alone, forward)?;
        let posterior = self.posterior()?;
        let rows = NUMBERS / (self.outputs * self.elements().max(self.outputs)).max(1);
        let (mut means, mut covariances) = (Vec::new(), Vec::new());
        for batch in parts(inputs, rows)? {
            let net = bound.linearised(&batch)?;
            let _no_grad = tch::no_grad_guard();
            means.push(net.flat());
            covariances.push(match bound.of_last(&net, &posterior) {
                Some(blocks) => sum(blocks.into_iter().map(|(variance, turn)| match turn {
                    Some(turn) => (variance.unsqueeze(1) * &turn).matmul(&turn.tr()),
                    None => variance.diag_embed(0, -2, -1),
                }))?,
                None => {
                    let outputs = (0..self.outputs).map(|k| bound.whitened(&net, &posterior, k));
                    let rows = Tensor::f_stack(&outputs.collect::<Result<Vec<_>>>()?, 1).within("Laplace")?;
                    rows.f_matmul(&rows.transpose(1, 2)).within("Laplace")?
                }
            });
        }
        Ok(Functional { mean: joined(&means)?, covariance: joined(&covariances)? })
    }

    fn marginals_by<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        inputs: &[Tensor],
        alone: bool,
        forward: Forward<'_>,
    ) -> Result<Marginals> {
        let bound = self.bind(net, alone, forward)?;
        let posterior = self.posterior()?;
        let (mut means, mut variances) = (Vec::new(), Vec::new());
        for batch in parts(inputs, NUMBERS / self.elements().max(1))? {
            let net = bound.linearised(&batch)?;
            let _no_grad = tch::no_grad_guard();
            means.push(net.flat());
            variances.push(match bound.of_last(&net, &posterior) {
                Some(blocks) => sum(blocks.into_iter().map(|(variance, turn)| match turn {
                    Some(turn) => variance.matmul(&turn.square().tr()),
                    None => variance,
                }))?,
                None => {
                    let variance = |k| {
                        let rows = bound.whitened(&net, &posterior, k)?;
                        Ok(rows.square().sum_dim_intlist(1i64, false, Kind::Double))
                    };
                    let each = (0..self.outputs).map(variance).collect::<Result<Vec<_>>>()?;
                    Tensor::f_stack(&each, 1).within("Laplace")?
                }
            });
        }
        Ok(Marginals { mean: joined(&means)?, variance: joined(&variances)? })
    }

    fn predict_by<M: BayesianModule + ?Sized>(
        &self,
        net: &M,
        inputs: &[Tensor],
        draws: usize,
        alone: bool,
        forward: Forward<'_>,
    ) -> Result<Prediction> {
        let bound = self.bind(net, alone, forward)?;
        if draws == 0 {
            return Err(Error::configuration("draws", draws, "at least 1"));
        }
        let posterior = self.posterior()?;
        // Few draws at a time, whose weights have to be held; each time all examples go through the net again.
        let at_a_time = ((2 * NUMBERS / self.elements().max(1)).max(1) as usize).min(draws);
        let mut all = Vec::new();
        for first in (0..draws).step_by(at_a_time) {
            let now = at_a_time.min(draws - first);
            let deviations = tch::no_grad(|| self.deviations(&posterior, now))?;
            let rows = (NUMBERS / self.elements().max(1)).min(NUMBERS / (now as i64 * self.outputs).max(1));
            let of_draws = parts(inputs, rows)?.into_iter().map(|batch| {
                let net = bound.linearised(&batch)?;
                let _no_grad = tch::no_grad_guard();
                let deviation = bound.along(&net, &deviations, self.outputs)?;
                let mut size = vec![now as i64];
                size.extend(net.outputs.size());
                (deviation.to_kind(net.outputs.kind()).f_reshape(size))
                    .and_then(|deviation| net.outputs.unsqueeze(0).f_add(&deviation))
                    .within("Laplace")
            });
            all.push(Tensor::f_cat(&of_draws.collect::<Result<Vec<_>>>()?, 1).within("Laplace")?);
        }
        Prediction::from_outputs(joined(&all)?)
    }

    fn bind<'a, M: BayesianModule + ?Sized>(
        &self,
        net: &'a M,
        alone: bool,
        forward: Forward<'a>,
    ) -> Result<Bound<'a>> {
        must_be_alone(alone || self.per_example)?;
        let treated = treated_of(net, &self.blocks, &self.means)?;
        let ids = treated.iter().map(|(_, parameter)| parameter.id()).collect();
        let device = treated.first().map_or(Device::Cpu, |(_, parameter)| parameter.mu().device());
        Ok(Bound { run: Run { parameters: net.parameters(), treated, forward }, ids, device })
    }

    fn posterior(&self) -> Result<Posterior<'_>> {
        tch::no_grad(|| {
            Posterior::new(&self.curvature, &self.blocks, &self.prior_precision, self.noise_variance())
        })
    }

    /// Draws of the weights' deviations from their means, `[draws, groups, outputs, inputs]` for each block.
    fn deviations(&self, posterior: &Posterior<'_>, draws: usize) -> Result<Vec<Tensor>> {
        if draws == 0 {
            return Err(Error::configuration("draws", draws, "at least 1"));
        }
        let elements = self.elements();
        // Each draw has a key of its own, so that more draws at a time are the same draws.
        let device = self.means.first().map_or(Device::Cpu, Tensor::device);
        let normals = |_| noise::normals(self.noise.next_key(), &[elements], Kind::Double, device);
        let normals: Vec<Tensor> = (0..draws).map(normals).collect();
        posterior.colour(&Tensor::f_stack(&normals, 0).within("Laplace")?, &self.blocks)
    }
}

impl Bound<'_> {
    fn linearised(&self, inputs: &[Tensor]) -> Result<Linearised> {
        let inputs = inputs.iter().map(|input| input.f_to_device(self.device).within("inputs"));
        self.run.linearised(&inputs.collect::<Result<Vec<_>>>()?)
    }

    /// The variances where the one layer treated is the net's last ([`Posterior::of_last`]).
    fn of_last(&self, net: &Linearised, posterior: &Posterior<'_>) -> Option<Vec<(Tensor, Option<Tensor>)>> {
        if !net.is_last {
            return None;
        }
        let inputs: Vec<Tensor> = self.ids.iter().map(|&id| net.inputs_of(id).flatten(0, 2)).collect();
        posterior.of_last(&inputs)
    }

    /// Output `k`'s gradients times a root of the posterior covariance, `[batch, elements]`.
    fn whitened(&self, net: &Linearised, posterior: &Posterior<'_>, k: i64) -> Result<Tensor> {
        let gradients = net.gradients_of(k)?;
        let each = self.ids.iter().map(|&id| net.gradient_by(id, &gradients));
        posterior.whiten(&each.collect::<Result<Vec<_>>>()?)
    }

    /// The outputs' deviations that belong to those of the weights: `[draws, batch, outputs]`.
    fn along(&self, net: &Linearised, deviations: &[Tensor], outputs: i64) -> Result<Tensor> {
        if net.is_last {
            let each = self.ids.iter().zip(deviations).map(|(&id, deviation)| {
                let inputs = net.inputs_of(id).flatten(0, 2).to_kind(Kind::Double);
                inputs.matmul(&deviation.squeeze_dim(1).transpose(1, 2))
            });
            return sum(each);
        }
        let weights: Vec<Tensor> = deviations.iter().map(|deviation| deviation.flatten(1, -1)).collect();
        let weights = Tensor::f_cat(&weights, 1).within("Laplace")?;
        let of_output = |k| {
            let rows = net.rows(&self.ids, &net.gradients_of(k)?)?.to_kind(Kind::Double);
            weights.f_matmul(&rows.tr()).within("Laplace")
        };
        let each = (0..outputs).map(of_output).collect::<Result<Vec<_>>>()?;
        Tensor::f_stack(&each, 2).within("Laplace")
    }
}

/// The inputs in parts of so many rows, at least one, at most 1024.
fn parts(inputs: &[Tensor], rows: i64) -> Result<Vec<Vec<Tensor>>> {
    let sizes: Vec<Option<i64>> = inputs.iter().map(|input| input.size().first().copied()).collect();
    let Some(Some(batch)) = sizes.first().copied().filter(|first| sizes.iter().all(|size| size == first))
    else {
        return Err(Error::configuration("inputs", format!("{sizes:?} rows"), "the same examples in each"));
    };
    let rows = rows.clamp(1, 1024);
    let part = |start: i64| {
        let len = rows.min(batch - start);
        inputs.iter().map(|input| input.f_narrow(0, start, len).within("inputs")).collect()
    };
    // Nothing is a part too, whose outputs have their shape.
    (0..batch.max(1)).step_by(rows as usize).map(part).collect()
}

fn joined(parts: &[Tensor]) -> Result<Tensor> {
    Tensor::f_cat(parts, 0).within("Laplace")
}

/// The sum over blocks, of which there is at least one.
fn sum(blocks: impl Iterator<Item = Tensor>) -> Result<Tensor> {
    blocks.reduce(|a, b| a + b).ok_or_else(|| Error::configuration("Laplace", "no parameter", "at least one"))
}
