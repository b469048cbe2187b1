//! The head: a Gaussian process, which also says what is unlike all training queries, and a linear layer beside it, whose probabilities are
//! multiplied.

use illia::prelude::*;

use crate::Failure;
use crate::linear::LinearHead;
use crate::process::Process;

/// Both, trained on the same queries.
pub struct Head {
    process: Process,
    linear: LinearHead,
}

/// What they say of some queries, `[batch, intents]` each.
pub struct Outputs {
    /// The process's mean functions.
    pub means: Tensor,
    /// The layer's log-probabilities.
    pub log_linear: Tensor,
}

impl Head {
    /// From points on the sphere `[n, features]` and their intents' numbers `[n]`.
    pub fn fit(points: Tensor, labels: &Tensor, intents: i64) -> Result<Self, Failure> {
        let linear = LinearHead::fit(&points, labels, intents)?;
        Ok(Head { process: Process::fit(points, labels, intents)?, linear })
    }

    pub fn outputs(&self, points: &Tensor) -> Result<Outputs, Failure> {
        Ok(Outputs { means: self.process.means(points), log_linear: self.linear.log_probabilities(points)? })
    }
}

/// From means m to probabilities q ∝ softplus(m / width)^power, where what is below 0 counts for little, and from those and the layer's r to
/// p ∝ q^a r^b. Four numbers, fitted on held-out queries, the first two alone before the others.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    power: f64,
    width: f64,
    exponents: [f64; 2],
}

impl Link {
    /// The best of two grids by the negative log-likelihood of the labels.
    pub fn fit(outputs: &Outputs, labels: &Tensor) -> Self {
        let alone = Link { power: 1.0, width: 0.05, exponents: [1.0, 0.0] };
        let best = |all: &mut dyn Iterator<Item = Link>, before: Link| {
            let nll = |link: &Link| {
                let log_p = link.log_probabilities(outputs);
                log_p.g_nll_loss::<Tensor>(labels, None, tch::Reduction::Mean, -100).double_value(&[])
            };
            all.map(|link| (nll(&link), link))
                .min_by(|a, b| a.0.total_cmp(&b.0))
                .map_or(before, |(_, link)| link)
        };
        let mut links = (0..25).flat_map(|i| {
            (0..15).map(move |j| Link {
                power: 1.5 + 0.25 * f64::from(i),
                width: 0.01 * 1.25f64.powi(j),
                ..alone
            })
        });
        let link = best(&mut links, alone);
        let mut mixed = (0..=15).flat_map(|i| {
            (0..=15).map(move |j| Link { exponents: [0.1 * f64::from(i), 0.1 * f64::from(j)], ..link })
        });
        best(&mut mixed, link)
    }

    /// log of each intent's unnormalised q, `[batch, intents]`.
    fn evidence(&self, means: &Tensor) -> Tensor {
        (means / self.width).softplus().log() * self.power
    }

    /// log p, `[batch, intents]`.
    pub fn log_probabilities(&self, outputs: &Outputs) -> Tensor {
        let [a, b] = self.exponents;
        let of_process = self.evidence(&outputs.means).log_softmax(-1, Kind::Float);
        (of_process * a + &outputs.log_linear * b).log_softmax(-1, Kind::Float)
    }

    /// How little speaks for any intent, `[batch]`: minus the log of the sum that the process's probabilities are divided by.
    pub fn strangeness(&self, means: &Tensor) -> Tensor {
        -self.evidence(means).logsumexp(-1i64, false)
    }
}
