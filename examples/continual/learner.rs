//! A net that learns one task after the other.

use illia::data::{Dataset, Tensors};
use illia::prelude::*;
use illia::{Ivon, Result, fix, metrics, posterior_as_prior, posterior_from_prior, unfix};

use crate::arguments::Arguments;
use crate::net::Net;
use crate::tasks::{Set, Task};
use crate::ways::{How, Way};

/// Draws of a prediction.
const DRAWS: usize = 50;

pub struct Learner<'a> {
    way: &'static Way,
    arguments: &'a Arguments,
    pixels: i64,
    seed: u64,
    vs: nn::VarStore,
    net: Net,
    /// The heads of the tasks so far, and what was kept of each.
    heads: Vec<usize>,
    kept: Vec<Tensors>,
}

impl<'a> Learner<'a> {
    pub fn new(way: &'static Way, arguments: &'a Arguments, tasks: &[Task], seed: u64) -> Result<Self> {
        let pixels = tasks.first().map_or(0, |task| task.train.inputs[0].size()[1]);
        let (vs, net) = start(way, arguments, pixels)?;
        Ok(Learner { way, arguments, pixels, seed, vs, net, heads: Vec::new(), kept: Vec::new() })
    }

    pub fn learn(&mut self, number: usize, task: &Task) -> Result<()> {
        let data = tensors(&task.train)?;
        if !self.heads.contains(&task.head) {
            self.heads.push(task.head);
        }
        match (&self.way.how, self.way.kept) {
            (How::Together, _) => {
                self.kept.push(data);
                return self.anew();
            }
            (_, None) => self.fit(&data, Some(task.head))?,
            (how, Some(coreset)) => {
                let (kept, rest) =
                    (&data).coreset(coreset, self.arguments.kept, self.seed + number as u64)?;
                let kept = kept.batch(&(0..kept.len() as i64).collect::<Vec<_>>())?;
                self.kept.push(Tensors::new(kept.inputs, kept.target)?);
                if *how == How::Kept {
                    return self.anew();
                }
                self.fit(&rest, Some(task.head))?;
            }
        }
        if let How::AsPrior { .. } = self.way.how {
            posterior_as_prior(&mut self.net.trunk)?;
            if let Some(head) = self.net.heads.get_mut(task.head) {
                posterior_as_prior(head)?;
            }
        }
        Ok(())
    }

    /// The accuracy on each task's test data, in %. What was kept is learnt for these predictions alone.
    pub fn accuracies(&mut self, tasks: &[&Task]) -> Result<Vec<f64>> {
        let borrowed = matches!(self.way.how, How::AsPrior { .. }) && !self.kept.is_empty();
        if borrowed {
            self.fit(&joined(&self.kept)?, None)?;
        }
        let predict =
            Predict::new().draws(if self.way.how == How::FineTune { 1 } else { DRAWS }).per_example();
        let accuracy = |task: &&Task| {
            let prediction =
                predict.run_with(&self.net, &task.test.inputs, |inputs| self.net.forward(inputs))?;
            Ok(100.0 * metrics::accuracy(&prediction.predictive_mean(&Categorical), &task.test.target)?)
        };
        let accuracies = tasks.iter().map(accuracy).collect::<Result<_>>();
        if borrowed {
            posterior_from_prior(&self.net.trunk)?;
            for head in self.heads.iter().filter_map(|&head| self.net.heads.get(head)) {
                posterior_from_prior(head)?;
            }
        }
        accuracies
    }

    /// Fits the net to `data`, of the task with this head or of all so far. Heads of tasks that are not in it stay as they are.
    fn fit(&self, data: &dyn Dataset, head: Option<usize>) -> Result<()> {
        let others = |other: &usize| head.map_or(!self.heads.contains(other), |head| head != *other);
        let others: Vec<String> =
            (0..self.net.heads.len()).filter(others).map(|head| format!("heads.{head}")).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        fix(&self.vs, &others)?;
        let weight = if self.way.how == How::FineTune { 0.0 } else { self.arguments.kl };
        let mut fit = Fit::new(Categorical)
            .epochs(self.arguments.epochs)
            .batch_size(64)
            .learning_rate(self.arguments.learning_rate)
            .kl(KlSchedule::Constant(weight))
            .progress(false);
        if self.way.how == (How::AsPrior { ivon: true }) {
            fit = fit.optimiser(Ivon { beta2: 0.9995, hess_init: 0.5, ..Ivon::default() });
        }
        fit.run_with(&self.net, &self.vs, data, |inputs, _| self.net.forward(inputs))?;
        unfix(&self.vs, &others).map(drop)
    }

    /// A new net on all that is there.
    fn anew(&mut self) -> Result<()> {
        (self.vs, self.net) = start(self.way, self.arguments, self.pixels)?;
        self.fit(&joined(&self.kept)?, None)
    }
}

fn start(way: &Way, arguments: &Arguments, pixels: i64) -> Result<(nn::VarStore, Net)> {
    let vs = nn::VarStore::new(Device::Cpu);
    let posterior = match (&way.how, Posterior::fan_in()) {
        (How::FineTune, _) => Posterior::plain(),
        (_, Posterior::Gaussian { mu, .. }) => {
            Posterior::Gaussian { mu, rho: nn::Init::Const(arguments.rho) }
        }
        (_, other) => other,
    };
    let net = Net::new(&vs.root(), pixels, arguments.sort.heads(arguments.number), posterior)?;
    Ok((vs, net))
}

fn tensors(set: &Set) -> Result<Tensors> {
    Tensors::new(set.inputs.iter().map(Tensor::shallow_clone).collect(), set.target.shallow_clone())
}

/// All rows of several data sets.
fn joined(parts: &[Tensors]) -> Result<Tensors> {
    let input = |at: usize| Tensor::cat(&parts.iter().map(|part| &part.inputs()[at]).collect::<Vec<_>>(), 0);
    let target = Tensor::cat(&parts.iter().map(Tensors::target).collect::<Vec<_>>(), 0);
    Tensors::new(vec![input(0), input(1)], target)
}
