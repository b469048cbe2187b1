//! What a run came to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Convergence;

/// What one epoch came to.
///
/// Two records are equal when their numbers are, however long the epochs took.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// The mean negative log-likelihood over the epoch's examples, in nats per example, each at the draw of its step.
    pub nll: f64,
    /// KL(posterior ‖ prior) in the epoch's last step, before that moved the weights, in nats.
    pub kl: f64,
    /// What multiplied KL / N, on average.
    pub kl_weight: f64,
    /// nll + kl_weight * KL / N, averaged over the epoch's steps, in nats per example: what was minimised.
    pub loss: f64,
    /// The step size in the epoch's last step; 0 where a file of an earlier version doesn't say.
    #[serde(default)]
    pub learning_rate: f64,
    /// The negative log predictive density on the validation set, in nats per example.
    pub validation_nll: Option<f64>,
    /// What [`Fit::metric`](crate::Fit::metric) measured on it, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// How long the epoch took, validation included.
    pub seconds: f64,
}

impl PartialEq for EpochRecord {
    fn eq(&self, other: &Self) -> bool {
        let numbers =
            |r: &EpochRecord| (r.epoch, r.nll, r.kl, r.kl_weight, r.loss, r.learning_rate, r.validation_nll);
        numbers(self) == numbers(other) && self.metrics == other.metrics
    }
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The epochs in order.
    pub epochs: Vec<EpochRecord>,
    /// The epoch whose weights the model has now, if validation chose one.
    pub best_epoch: Option<usize>,
    /// Whether [`Fit::interrupt`](crate::Fit::interrupt) ended the run early; the model then has the last step's weights. After the last
    /// epoch, while the spread of a posterior that nobody chose was found, it has the trained means and Laplace's approximation around them.
    pub interrupted: bool,
    /// What to change, in one sentence, if the run ended before the objective had settled, or above its best.
    pub advice: Option<String>,
    /// How far the run came and how still it stands, as far as it went.
    pub convergence: Convergence,
    /// What was done otherwise than one might think, a sentence each.
    pub remarks: Vec<String>,
}
