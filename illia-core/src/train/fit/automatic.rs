//! What a fit finds where nobody chose a posterior: the mode of the weights, and around it the spread of the last layer.
//!
//! The means are trained maximum a posteriori. Then the last layer's weights become the mean-field Gaussian that is best around
//! them: variance 1 / (h + 1 / prior variance) with h the diagonal of the Fisher information of the likelihood, Laplace's
//! approximation of the last layer (MacKay 1992; Kristiadi et al. 2020; Daxberger et al. 2021). Where the layer has axes
//! ([`Posterior::AutomaticLast`](crate::Posterior::AutomaticLast)), they are turned to the eigenvectors of that information before, and h is
//! the diagonal there (George et al. 2018): the exact posterior where the outputs' curvatures have those in common. Seen from its last layer a net is
//! a linear model, for which that is what variational inference would end with. The layers before it end as points.
//!
//! h is an expectation over targets that the likelihood draws for the net's outputs (Martens 2020, section 5: the Fisher of the
//! model, not of the data), so that any likelihood has it. The likelihood's own variables, a learned noise, are
//! then fitted anew to the draws: the mode alone leaves out what the weights do not know (MacKay 1992, equation 4.11).

use std::cell::Cell;

use tch::nn::VarStore;
use tch::{Kind, Tensor};

use super::Forward;
use super::shuffle::shuffled;
use crate::data::{Batch, Dataset};
use crate::error::{Error, Result, Within};
use crate::likelihood::Likelihood;
use crate::module::BayesianModule;
use crate::noise::Stream;
use crate::parameter::{POINT, RandomParameter};
use crate::pass::record::{self, Matrix, Record};
use crate::pass::{Mode, Pass};
use crate::processes::{ProcessGroup, Reduction, exchange};

/// Examples that the curvature is summed over, at most; of larger data a part stands for all.
const EXAMPLES: usize = 1 << 14;
/// Pairs of examples and drawn targets at least, as far as [`TARGETS`] allows. A sum of products of two squared normals over n pairs
/// is known to sqrt(6 / n), so that sigma, 1 / sqrt(h), is known to 1 %.
const PAIRS: usize = 1 << 14;
/// Targets drawn for one example, at most.
const TARGETS: usize = 64;
/// Turns between spread and noise, at most.
const TURNS: usize = 8;

/// A sum for one parameter, and the form that its matrices have.
type Sum = (Tensor, Option<Matrix>);

/// What is summed for a parameter, of the gradients by its layer's outputs and of the inputs.
type Of<'a> = &'a dyn Fn(&RandomParameter, &Tensor, &Tensor) -> Result<Tensor>;

/// A net whose posterior is to be found in this way.
pub(super) struct Automatic<'a, M: ?Sized> {
    pub(super) net: &'a M,
    /// All its random parameters.
    pub(super) parameters: Vec<&'a RandomParameter>,
    /// Those of the layer that the traversal shows last.
    pub(super) last: Vec<&'a RandomParameter>,
    /// Whether that is the only one.
    pub(super) is_one_layer: bool,
}

/// What the spread is found from.
pub(super) struct Around<'a, L> {
    pub likelihood: &'a L,
    /// Several processes, each with a part of the examples that the curvature is summed over.
    pub processes: Option<&'a dyn ProcessGroup>,
    pub data: &'a dyn Dataset,
    pub forward: Forward<'a>,
    /// Whether the forward treats each example by itself.
    pub alone: bool,
    /// Whether held-out data chose the means.
    pub is_validated: bool,
    pub vs: &'a VarStore,
    /// What multiplies the KL.
    pub kl_weight: f64,
    pub batch_size: usize,
    /// Examples of a training step.
    pub step_size: usize,
    /// Rows of the data in a random order.
    pub rows: Vec<i64>,
    pub noise: &'a Stream,
    /// What part of a noise that the outputs say the targets do not show.
    pub missing_noise: Option<f64>,
    /// Whether a variable of this name is held where it is.
    pub held: &'a dyn Fn(&str) -> bool,
    /// Whether somebody wants the run to end.
    pub is_interrupted: &'a dyn Fn() -> bool,
    /// Whether the likelihood drew no targets, so that the data's own took their place.
    pub empirical: Cell<bool>,
}

impl<'a, M: BayesianModule + ?Sized> Automatic<'a, M> {
    /// Where every random parameter of the net has [`Posterior::Automatic`] and a Gaussian prior of fixed scale, none is frozen,
    /// and the last layer is linear in its weights. A prior that was a posterior says nothing of what is a point, so that only a net of
    /// one layer may have one.
    pub(super) fn of(net: &'a M) -> Option<Self> {
        let named: Vec<_> = net.named_parameters().into_iter().filter(|(_, p)| p.is_random()).collect();
        let nothing_set = |parameter: &RandomParameter| {
            parameter.posterior().is_automatic()
                && parameter.prior_precision().is_some()
                && parameter.held().is_none()
                && parameter.trains_by_leaves()
        };
        let layer = |name: &str| name.rsplit_once('.').map_or(String::new(), |(layer, _)| layer.to_owned());
        let last_name = named.last().map(|(name, _)| layer(name))?;
        let last: Vec<_> =
            named.iter().filter(|(name, _)| layer(name) == last_name).map(|(_, p)| *p).collect();
        let parameters: Vec<_> = named.iter().map(|(_, p)| *p).collect();
        let all = parameters.iter().all(|p| nothing_set(p)) && last.iter().all(|p| p.is_noted());
        let is_one_layer = last.len() == parameters.len();
        let all = all && (is_one_layer || parameters.iter().all(|p| p.earlier().is_none()));
        all.then_some(Automatic { net, parameters, last, is_one_layer })
    }

    /// Why a net of which nobody chose a posterior is trained by variational inference all the same; None for others.
    pub(super) fn why_not(net: &M) -> Option<String> {
        let named: Vec<_> = net.named_parameters().into_iter().filter(|(_, p)| p.is_random()).collect();
        if !named.iter().all(|(_, p)| p.posterior().is_automatic()) {
            return None;
        }
        let (last, _) = named.last()?;
        let reason = named
            .iter()
            .find_map(|(name, parameter)| {
                let frozen = parameter.held().map(|_| format!("`{name}` is frozen"));
                let prior = || match parameter.earlier() {
                    Some(_) => format!("the prior of `{name}` is an earlier posterior"),
                    None => format!("the prior of `{name}` is no Gaussian of fixed scale"),
                };
                frozen.or_else(|| parameter.fixed_gaussian().is_none().then(prior))
            })
            .unwrap_or_else(|| {
                format!("`{last}`, which comes last, is not of a layer that is linear in its weights")
            });
        Some(format!("{reason}, so that all weights were trained by variational inference"))
    }

    /// Makes points of all: the training's validation sees the means then.
    pub(super) fn make_points(&self) {
        for parameter in &self.parameters {
            if let Some(precision) = parameter.prior_precision() {
                parameter.set_sigma(&(precision.rsqrt() * POINT));
            }
        }
    }

    /// Gives the last layer its spread, in `steps` steps at most where Laplace's approximation is not enough, and fits a learned noise anew. Gives back what is to be said of that, a sentence each.
    ///
    /// # Errors
    /// What the net, the likelihood and the data return, and [`Error::NonFinite`] where the curvature is none.
    pub(super) fn find_spread<L: Likelihood>(
        &self,
        around: &Around<'_, L>,
        steps: usize,
    ) -> Result<Vec<String>> {
        if around.kl_weight <= 0.0 {
            self.fit_noise(around)?;
            return Ok(Vec::new());
        }
        for _ in 0..TURNS {
            self.find_axes(around)?;
            let Some(curvature) = self.curvature(around)? else {
                let name = self.last.first().map_or("", |parameter| parameter.name());
                return Ok(vec![format!(
                    "`{name}` is used by code that does not say what it computes with it, so that all weights end as points: choose a \
                     `posterior`, `Gaussian(rho: -4.0)` say"
                )]);
            };
            for (parameter, h) in self.last.iter().zip(&curvature) {
                let Some(prior) = parameter.prior_precision() else { continue };
                let prior = prior.to_device(h.device());
                let sigma = (h / around.kl_weight + &prior).rsqrt().maximum(&(prior.rsqrt() * POINT));
                parameter.set_sigma(&sigma);
            }
            let moved = self.finish_mode(around)?;
            if (self.fit_noise(around)? < 0.01 && !moved) || (around.is_interrupted)() {
                break;
            }
        }
        self.settle(around, steps)?;
        let own = around.empirical.get().then(|| {
            "the likelihood draws no observations, so that the last layer's spread comes from the data's own targets, whose errors a \
             close fit makes small: implement its `sample` or its `cdf`"
                .to_owned()
        });
        Ok(own.into_iter().collect())
    }

    /// Turns the axes of those parameters of the last layer that have some to the eigenvectors of the posterior's precision, summed over
    /// the outputs: along them the weights of an output are the least dependent. They are the curvature's where the prior is the same in all
    /// directions.
    fn find_axes<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<()> {
        // What is pruned is 0 in every draw, which along other axes it would not be.
        let turns = |parameter: &RandomParameter| parameter.has_axes() && parameter.num_pruned() == 0;
        if !self.last.iter().any(|parameter| turns(parameter)) {
            return Ok(());
        }
        let moments = self.summed(around, &|parameter, outputs, inputs| match turns(parameter) {
            true => record::second_moments(outputs, inputs),
            false => Ok(Tensor::zeros([1i64], (Kind::Double, outputs.device()))),
        })?;
        for (parameter, (moments, _)) in self.last.iter().zip(moments.into_iter().flatten()) {
            if turns(parameter) {
                let precision = match parameter.earlier() {
                    Some(earlier) => moments / around.kl_weight + earlier.precision_of_rows(),
                    None => moments,
                };
                let (_, axes) = precision.f_linalg_eigh("L").within("axes of the last layer")?;
                // An eigenvector has no sign: that of its largest element is taken to be above 0.
                let largest = axes.gather(0, &axes.abs().argmax(0, true), false);
                parameter.set_axes(&(&axes * largest.sign()));
            }
        }
        Ok(())
    }

    /// The diagonal of the Fisher information over all data by each parameter of the last layer, along its axes and in its shape; None
    /// where code of the user's takes the layer's weights, so that nothing is known of what it does with them.
    fn curvature<L: Likelihood>(&self, around: &Around<'_, L>) -> Result<Option<Vec<Tensor>>> {
        let sums = self.summed(around, &|parameter, outputs, inputs| {
            let along = parameter.seen_along(inputs).within("the last layer's curvature")?;
            Ok(record::squares(outputs, &along)?.to_kind(Kind::Double))
        })?;
        let Some(sums) = sums else { return Ok(None) };
        let whole = self.last.iter().zip(sums).map(|(parameter, (sum, matrix))| {
            let own = matrix?.to_parameter(&sum.unsqueeze(0), &parameter.mu().size());
            Some(own.squeeze_dim(0))
        });
        Ok(whole.collect())
    }

    /// The sum over all data and drawn targets of what `of` makes of the gradients by a layer's outputs and of its inputs, for each
    /// parameter of the last layer; None where it is not known what is done with its weights.
    fn summed<L: Likelihood>(&self, around: &Around<'_, L>, of: Of<'_>) -> Result<Option<Vec<Sum>>> {
        let mut sums = self.own_sums(around, of);
        if let Some(group) = around.processes {
            let (mut own, _) = exchange(group, "curvature", sums, |_| [])?;
            for (sum, _) in own.iter_mut().flatten() {
                group.all_reduce(sum, Reduction::Sum)?;
            }
            sums = Ok(own);
        }
        let sums = sums?;
        if sums.iter().flatten().any(|(sum, _)| sum.isfinite().all().int64_value(&[]) == 0) {
            let term = "curvature of the last layer";
            return Err(Error::NonFinite { epoch: 0, step: 0, term, value: f64::NAN });
        }
        Ok(sums)
    }

    /// Those over this process's examples.
    fn own_sums<L: Likelihood>(&self, around: &Around<'_, L>, of: Of<'_>) -> Result<Option<Vec<Sum>>> {
        let all = around.rows.len();
        let rows = around.rows.get(..all.min(EXAMPLES)).unwrap_or(&around.rows);
        let targets = PAIRS.div_ceil(rows.len().max(1)).min(TARGETS);
        let mut sums: Vec<Sum> = self
            .last
            .iter()
            .map(|p| (Tensor::zeros([1i64], (Kind::Double, p.mu().device())), None))
            .collect();
        let (rank, size) = around.processes.map_or((0, 1), |group| (group.rank(), group.size()));
        for (number, chunk) in rows.chunks(around.batch_size).enumerate() {
            let own = number % size == rank;
            // All see the first, which shows what the layer is.
            if !own && number > 0 {
                for _ in 0..targets {
                    let _ = around.noise.next_key();
                }
                continue;
            }
            let batch = around.batch(chunk)?;
            let Some((output, records)) = self.recorded(&batch, around, &self.last)? else { return Ok(None) };
            for _ in 0..targets {
                let target = around.target(&output.detach(), &batch)?;
                let gradients = gradients(around.likelihood, &output, &target, &records)?;
                let _no_grad = tch::no_grad_guard();
                for (parameter, (sum, matrix)) in self.last.iter().zip(&mut sums) {
                    let id = parameter.id();
                    let outputs = record::outputs_of(&records, id, &gradients);
                    let one = of(parameter, &outputs, &record::inputs_of(&records, id))?;
                    *sum = &*sum + if own { one } else { one * 0.0 };
                    *matrix = records.iter().find(|record| record.is_of(id)).map(|r| r.matrix_of(id));
                }
            }
        }
        let scale = all as f64 / (rows.len() * targets).max(1) as f64;
        Ok(Some(sums.into_iter().map(|(sum, matrix)| (sum * scale, matrix)).collect()))
    }

    /// The net's output for a batch at its means, in a graph from the watched layers on, with what those noted; None where code of
    /// the user's takes their weights.
    pub(super) fn recorded<L: Likelihood>(
        &self,
        batch: &Batch,
        around: &Around<'_, L>,
        watched: &[&RandomParameter],
    ) -> Result<Option<(Tensor, Vec<Record>)>> {
        tch::with_grad(|| {
            let pass = Pass::over(&self.parameters, Mode::Record, None);
            pass.watch(watched.iter().map(|parameter| parameter.id()));
            let output = (around.forward)(&batch.inputs, false)?;
            let records = pass.records();
            let known = |p: &&RandomParameter| {
                !pass.missed(p.id()) && records.iter().any(|record| record.is_of(p.id()))
            };
            Ok((output.requires_grad() && watched.iter().all(known)).then_some((output, records)))
        })
    }
}

impl<L: Likelihood> Around<'_, L> {
    /// The rows in another random order.
    pub(super) fn shuffled(&self) -> Result<Vec<i64>> {
        shuffled(self.rows.len(), self.noise)
    }

    pub(super) fn batch(&self, rows: &[i64]) -> Result<Batch> {
        let batch = self.data.batch(rows)?;
        batch.check(rows.len())?;
        batch.to_device(self.vs.device())
    }

    /// Targets as the likelihood draws them for these outputs; where one of the user's can draw none, the data's own.
    pub(super) fn target(&self, output: &Tensor, batch: &Batch) -> Result<Tensor> {
        match tch::no_grad(|| self.likelihood.sample(output, self.noise.next_key())) {
            Err(Error::Configuration { .. }) => {
                self.empirical.set(true);
                Ok(batch.target.shallow_clone())
            }
            drawn => drawn,
        }
    }
}

/// Of the sum of the log-likelihoods by what each of those layers gave.
pub(super) fn gradients<L: Likelihood>(
    likelihood: &L,
    output: &Tensor,
    target: &Tensor,
    records: &[Record],
) -> Result<Vec<Tensor>> {
    let sum = tch::with_grad(|| {
        let each = likelihood.log_likelihood(output, target)?;
        Ok::<_, Error>(each.sum(each.kind()))
    })?;
    let by: Vec<&Tensor> = records.iter().map(|record| &record.output).collect();
    let gradients = Tensor::f_run_backward(&[sum], &by, true, false)
        .map_err(|e| Error::torch("the last layer's curvature", &e))?;
    let defined = gradients.into_iter().zip(by).map(|(gradient, output)| match gradient.defined() {
        true => gradient.detach(),
        false => output.zeros_like(),
    });
    Ok(defined.collect())
}
