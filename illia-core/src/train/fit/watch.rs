//! What a run is watched by: metrics of the user's on the validation set, and their code after each epoch.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::run::Run;
use super::{EpochRecord, Fit};
use crate::error::{Error, Result};
use crate::likelihood::Likelihood;
use crate::module::BayesianModule;
use crate::predict::{Predict, Prediction};

type Metric = dyn Fn(&Prediction, &Tensor) -> Result<f64> + Send + Sync;
type Each = dyn Fn(&EpochRecord) -> ControlFlow<()> + Send + Sync;

/// Which of a metric's values is the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Best {
    /// The smallest: an error.
    Smallest,
    /// The largest: an accuracy.
    Largest,
}

/// All that a run is watched by.
#[derive(Clone, Default)]
pub(super) struct Watch {
    metrics: Vec<(String, Arc<Metric>)>,
    /// What chooses the best epoch in place of the density.
    best_by: Option<(String, Best)>,
    each: Vec<Arc<Each>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metrics: Vec<&String> = self.metrics.iter().map(|(name, _)| name).collect();
        f.debug_struct("Watch")
            .field("metrics", &metrics)
            .field("best_by", &self.best_by)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// The metrics' values, in their order.
    pub fn measure(&self, prediction: &Prediction, y: &Tensor) -> Result<Vec<f64>> {
        self.metrics.iter().map(|(_, metric)| metric(prediction, y)).collect()
    }

    /// The metrics' names, in the order in which an epoch's record has them.
    pub fn names(&self) -> BTreeSet<&str> {
        self.metrics.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub fn count(&self) -> usize {
        self.metrics.len()
    }

    /// The values by their names.
    pub fn named(&self, values: &[f64]) -> BTreeMap<String, f64> {
        self.metrics.iter().zip(values).map(|((name, _), value)| (name.clone(), *value)).collect()
    }

    /// What the best epoch has least of.
    pub fn least(&self, record: &EpochRecord) -> Option<f64> {
        let Some((name, best)) = &self.best_by else { return record.validation_nll };
        let value = *record.metrics.get(name)?;
        Some(if *best == Best::Largest { -value } else { value })
    }

    /// How the best epoch is chosen, for whoever compares runs.
    pub fn rule(&self) -> String {
        self.best_by
            .as_ref()
            .map_or_else(|| "density".to_owned(), |(name, best)| format!("{best:?} `{name}`").to_lowercase())
    }

    /// Tells the user's code of an epoch; whether it wants the run to end.
    pub fn tell(&self, record: &EpochRecord) -> bool {
        // All are told, whatever one of them wants.
        self.each.iter().filter(|each| each(record).is_break()).count() > 0
    }

    pub fn validate(&self, has_validation: bool) -> Result<()> {
        if let (Some((name, _)), false) = (self.metrics.first(), has_validation) {
            return Err(Error::configuration("metric", name, "only together with validation"));
        }
        let mut names: Vec<&String> = self.metrics.iter().map(|(name, _)| name).collect();
        names.sort();
        if let Some([name, _]) = names.array_windows().find(|[a, b]| a == b) {
            return Err(Error::configuration(
                "metric",
                format!("{name} twice"),
                "a name of its own for each",
            ));
        }
        match &self.best_by {
            Some((name, _)) if !names.contains(&name) => {
                Err(Error::configuration("best_by", name, "the name of a `metric`"))
            }
            _ => Ok(()),
        }
    }
}

impl<L> Fit<L> {
    /// Measures the prediction for the validation set after each epoch too, of [`validation_draws`](Self::validation_draws) draws: into
    /// [`EpochRecord::metrics`] and the bar, by this name. Of several processes each measures its part of the set, and the
    /// mean counts.
    ///
    /// ```no_run
    /// use illia_core::{Fit, likelihood::Categorical, metrics};
    /// # let x = tch::Tensor::from(0.0);
    /// # let y = tch::Tensor::from(0i64);
    /// let fit = Fit::new(Categorical)
    ///     .validation(&x, &y)
    ///     .metric("accuracy", |p, y| metrics::accuracy(&p.predictive_mean(&Categorical), y));
    /// ```
    #[must_use]
    pub fn metric(
        mut self,
        name: &str,
        metric: impl Fn(&Prediction, &Tensor) -> Result<f64> + Send + Sync + 'static,
    ) -> Self {
        self.watch.metrics.push((name.to_owned(), Arc::new(metric)));
        self
    }

    /// Chooses the best epoch, whose weights the model ends with, by the [`metric`](Self::metric) of this name; so
    /// [`patience`](Self::patience) counts from it. The negative log predictive density chooses it otherwise.
    #[must_use]
    pub fn best_by(mut self, metric: &str, best: Best) -> Self {
        self.watch.best_by = Some((metric.to_owned(), best));
        self
    }

    /// Calls code of your own after each epoch, in the order in which it was given: to log, to draw, or to end the run by
    /// [`ControlFlow::Break`], as after its last epoch. Of several processes all call it, and all have to answer alike.
    ///
    /// ```no_run
    /// use std::ops::ControlFlow;
    /// use illia_core::{Fit, likelihood::Categorical};
    ///
    /// let fit = Fit::new(Categorical).on_epoch(|epoch| {
    ///     println!("{},{},{}", epoch.epoch, epoch.nll, epoch.kl);
    ///     if epoch.nll < 0.01 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    /// });
    /// ```
    #[must_use]
    pub fn on_epoch(
        mut self,
        each: impl Fn(&EpochRecord) -> ControlFlow<()> + Send + Sync + 'static,
    ) -> Self {
        self.watch.each.push(Arc::new(each));
        self
    }
}

impl<L: Likelihood, M: BayesianModule + ?Sized> Run<'_, L, M> {
    /// The negative log predictive density on the validation set, and the metrics there.
    pub(super) fn validated(&self) -> Result<Option<(f64, BTreeMap<String, f64>)>> {
        let Some((inputs, y)) = &self.fit.validation else { return Ok(None) };
        if let Some(automatic) = &self.automatic {
            automatic.make_points();
        }
        let device = self.vs.device();
        let watch = &self.fit.watch;
        let rows = y.size().first().map_or(0, |&n| n as usize);
        let means = self.means_of_all(rows, 1 + watch.count(), |shard| {
            let own = |tensor: &Tensor| shard.of_tensor(&tensor.to_device(device));
            let inputs: Vec<_> = inputs.iter().map(own).collect();
            let mut how = Predict::new().draws(self.fit.validation_draws);
            if self.alone {
                how = how.per_example();
            }
            let prediction = how.run_with(self.net, &inputs, |inputs| (self.forward)(inputs, false))?;
            let y = own(y);
            let log_density = prediction.log_predictive(&self.fit.likelihood, &y)?;
            let mut means = vec![-log_density.mean(Kind::Double).double_value(&[])];
            means.extend(watch.measure(&prediction, &y)?);
            Ok(means)
        })?;
        Ok(means.split_first().map(|(nll, metrics)| (*nll, watch.named(metrics))))
    }
}

impl EpochRecord {
    /// Its numbers for the bar.
    pub(super) fn in_short(&self) -> String {
        let validation = self.validation_nll.map(|nll| format!(", validation {nll:.4}"));
        let metrics = self.metrics.iter().map(|(name, value)| format!(", {name} {value:.4}"));
        validation.into_iter().chain(metrics).fold(format!("nll {:.4}", self.nll), |text, part| text + &part)
    }
}
