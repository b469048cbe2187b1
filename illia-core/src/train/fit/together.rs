//! What the processes of a run do together, and where one does something for all. In a run of one process all of it is nothing.

use tch::Tensor;

use super::run::Run;
use crate::error::Result;
use crate::files;
use crate::likelihood::Likelihood;
use crate::module::BayesianModule;
use crate::noise;
use crate::processes::{ProcessGroup, Shard, alike, exchange, hash};

impl<L: Likelihood, M: BayesianModule + ?Sized> Run<'_, L, M> {
    /// The processes, if there are several.
    pub(super) fn group(&self) -> Option<&dyn ProcessGroup> {
        self.trainer.processes.as_deref()
    }

    /// Runs `work` in rank 0 alone.
    pub(super) fn by_rank_0(&self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        match self.group() {
            Some(group) if group.rank() != 0 => Ok(()),
            _ => work(),
        }
    }

    /// Goes on when all processes have come here, with an error in all if one has failed.
    pub(super) fn agree(&self, what: &'static str, result: Result<()>) -> Result<()> {
        match self.group() {
            Some(group) => exchange(group, what, result, |()| []).map(drop),
            None => result,
        }
    }

    /// `count` means over `rows` examples of which each process computes those over its own; all over all, where the forward may mix
    /// them. The same numbers in all processes, so that they decide alike.
    pub(super) fn means_of_all(
        &self,
        rows: usize,
        count: usize,
        means: impl FnOnce(Shard) -> Result<Vec<f64>>,
    ) -> Result<Vec<f64>> {
        let whole = Shard::of(rows, 0, 1);
        let Some(group) = self.group() else { return means(whole) };
        let shard = if self.alone { whole.part(group.rank(), group.size()) } else { whole };
        let mut own = means(shard);
        let mut means = Vec::new();
        for at in 0..count {
            let bits = |own: &Vec<f64>| {
                let own = own.get(at).copied().unwrap_or(f64::NAN) * shard.share();
                [own.to_bits().cast_signed()]
            };
            let (values, all) = exchange(group, "validation", own, bits)?;
            let all = all.iter().map(|[own]| f64::from_bits(own.cast_unsigned()));
            means.push(if self.alone { all.sum() } else { all.take(1).sum() });
            own = Ok(values);
        }
        Ok(means)
    }

    /// Refuses processes that did not start alike.
    pub(super) fn check_alike(&self) -> Result<()> {
        let Some(group) = self.group() else { return Ok(()) };
        alike(group, "start", self.facts())
    }

    fn facts(&self) -> Result<Vec<(&'static str, u64)>> {
        let fit = self.fit;
        let variables = self.vs.variables();
        let mut shapes: Vec<_> =
            variables.iter().map(|(name, v)| (name, v.kind(), v.size(), v.requires_grad())).collect();
        shapes.sort_by(|a, b| a.0.cmp(b.0));
        let validation =
            fit.validation.as_ref().map_or(Ok(0), |(inputs, y)| bits(inputs.iter().chain([y])))?;
        let schedules = format!("{:?} {:?} {:?} {:?}", fit.learning_rate, fit.step_size, fit.kl, fit.groups);
        let epochs = format!("{:?} {:?} {:?}", fit.epochs, fit.patience, fit.validation_draws);
        let noise = format!("{:?} {:?}", noise::state(), self.shuffle.position());
        let all = [
            ("net", format!("{shapes:?}")),
            ("seed, or the same noise drawn so far,", noise),
            ("number of epochs, patience or draws of validation", epochs),
            ("optimiser", format!("{:?}", fit.optimiser)),
            ("schedule, learning rate or groups", schedules),
            ("checkpoints, or whether to resume,", format!("{} {}", fit.checkpoints.is_some(), fit.resume)),
        ];
        let mut facts: Vec<(&'static str, u64)> =
            all.iter().map(|(name, text)| (*name, hash(text.as_bytes()))).collect();
        facts.push(("data", self.data.fingerprint()?));
        facts.push(("validation set", validation));
        let settings = format!("{:?} {:?} {:?}", self.settings()?, fit.micro_batch, fit.clip);
        facts.push(("settings", hash(settings.as_bytes())));
        facts.push(("weights", self.weights()?));
        Ok(facts)
    }

    /// Refuses processes whose files of checkpoints are not the same.
    pub(super) fn check_resumed(&self) -> Result<()> {
        let Some(group) = self.group() else { return Ok(()) };
        let step = ("folder of checkpoints, which all have to see,", self.progress.step as u64);
        alike(group, "resume", self.weights().map(|weights| vec![step, ("checkpoint", weights)]))
    }

    /// Refuses processes whose weights have drifted apart: machines that round differently, or code of a user's that does not do
    /// the same everywhere.
    pub(super) fn check_same_weights(&self) -> Result<()> {
        let Some(group) = self.group() else { return Ok(()) };
        alike(group, "epoch", self.weights().map(|weights| vec![("weights any more", weights)]))
    }

    /// A hash of all variables' bits.
    fn weights(&self) -> Result<u64> {
        let mut all: Vec<(String, Tensor)> = self.vs.variables().into_iter().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        bits(all.iter().map(|(_, variable)| variable))
    }
}

/// A hash of tensors' bits, one after the other.
fn bits<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Result<u64> {
    let mut all = 0u64;
    for tensor in tensors {
        all = all.rotate_left(7) ^ hash(&files::bytes_of(&tensor.detach())?);
    }
    Ok(all)
}
