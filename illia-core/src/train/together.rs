//! A step that several processes take together.

use super::gradients::Gradients;
use super::trainer::Trainer;
use crate::error::{Error, Result};
use crate::parameter::RandomParameter;
use crate::processes::{ProcessGroup, exchange};

impl Trainer {
    /// This process's objective and gradients summed with those of all; an error in all if one has failed, before any variable has
    /// been changed.
    ///
    /// What is summed are the gradients of what the estimators consumed. A draw's noise follows from its key, which is the same in all
    /// processes: of drawn weights only the gradient of w travels, not those of mu and sigma.
    pub(super) fn of_all(
        &mut self,
        group: &dyn ProcessGroup,
        parameters: &[&RandomParameter],
        own: Result<Gradients>,
    ) -> Result<Gradients> {
        let signal = i64::from(self.signal);
        let own = own.map(|(terms, mut sums, leaves)| {
            let layout = sums.layout(parameters).cast_signed();
            ((terms, sums, leaves), layout)
        });
        let (((mut terms, mut sums, leaves), _), all) =
            exchange(group, "step", own, |((terms, ..), layout)| {
                let [nll, kl] = [terms.nll, terms.kl].map(|term| term.to_bits().cast_signed());
                [nll, kl, *layout, signal]
            })?;
        let [_, kl, layout, _] = all.first().copied().unwrap_or_default();
        if let Some(rank) = all.iter().position(|[.., theirs, _]| *theirs != layout) {
            let problem = format!(
                "rank {rank} reached other variables than rank 0, or drew other noise: the forward has to use the same layers in all \
                 processes, as often"
            );
            return Err(Error::Processes { rank: group.rank(), collective: "step", problem });
        }
        // Rank 0's KL is everyone's, should the processes' machines round differently.
        terms.kl = f64::from_bits(kl.cast_unsigned());
        terms.nll = all.iter().map(|[nll, ..]| f64::from_bits(nll.cast_unsigned())).sum();
        self.signal = all.iter().any(|[.., signal]| *signal != 0);
        sums.reduce(group, parameters)?;
        Ok((terms, sums, leaves))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tch::nn::{self, Module};
    use tch::{Device, Kind, Tensor};

    use super::*;
    use crate::likelihood::{Categorical, Likelihood};
    use crate::nn::{Linear, LinearConfig};
    use crate::processes::{Reduction, Shard};
    use crate::train::trainer::mean_nll;
    use crate::{Estimator, Posterior, Sgd, manual_seed};

    /// A second process that has and does what this one does.
    #[derive(Debug)]
    struct Twin;

    impl ProcessGroup for Twin {
        fn rank(&self) -> usize {
            0
        }
        fn size(&self) -> usize {
            2
        }
        fn all_reduce(&self, tensor: &mut Tensor, reduction: Reduction) -> Result<()> {
            if reduction == Reduction::Sum {
                let _ = tensor.g_mul_scalar_(2.0);
            }
            Ok(())
        }
        fn broadcast(&self, _: &mut Tensor, _: usize) -> Result<()> {
            Ok(())
        }
        fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>> {
            Ok(vec![tensor.copy(), tensor.copy()])
        }
        fn barrier(&self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn two_with_equal_halves_take_the_steps_of_one_with_the_whole() {
        let half = (Tensor::arange(12, (Kind::Float, Device::Cpu)) * 0.7).sin().reshape([4, 3]);
        let classes = Tensor::from_slice(&[0i64, 1, 1, 0]);
        let (x, y) = (Tensor::cat(&[&half, &half], 0), Tensor::cat(&[&classes, &classes], 0));
        let trained = |together: bool| {
            manual_seed(1);
            let vs = nn::VarStore::new(Device::Cpu);
            let (estimator, posterior) = (Estimator::Reparameterization, Posterior::fan_in());
            let config = LinearConfig { estimator, posterior, ..LinearConfig::default() };
            let net = Linear::new(vs.root(), 3, 2, config);
            let mut trainer = Trainer::new(Sgd { learning_rate: 0.1, ..Sgd::default() }, 8).unwrap();
            let rows = if together { 4 } else { 8 };
            if together {
                trainer.processes = Some(Arc::new(Twin));
                trainer.shard = Some(Shard::of(8, 0, 2));
            }
            let mut nlls = Vec::new();
            for _ in 0..5 {
                let nll = || {
                    let output = net.forward(&x.narrow(0, 0, rows));
                    Ok(mean_nll(&Categorical.log_likelihood(&output, &y.narrow(0, 0, rows))?))
                };
                nlls.push(trainer.step(&net, &vs, 1.0, nll).unwrap().nll);
            }
            (Tensor::cat(&[net.weight.mu(), net.weight.rho().unwrap()], 0).detach(), nlls)
        };
        let ((one, one_nlls), (two, two_nlls)) = (trained(false), trained(true));
        assert!(one.allclose(&two, 1e-6, 1e-7, false), "{one} {two}");
        assert!(
            one_nlls.iter().zip(&two_nlls).all(|(a, b)| (a - b).abs() < 1e-6),
            "{one_nlls:?} {two_nlls:?}"
        );
    }

    #[test]
    fn several_are_asked_for_their_rows() {
        let vs = nn::VarStore::new(Device::Cpu);
        let net = Linear::new(vs.root(), 3, 2, LinearConfig::default());
        let mut trainer = Trainer::new(Sgd::default(), 8).unwrap();
        trainer.processes = Some(Arc::new(Twin));
        let x = Tensor::ones([4, 3], (Kind::Float, Device::Cpu));
        let error = trainer.step(&net, &vs, 1.0, || Ok(net.forward(&x).sum(Kind::Float))).unwrap_err();
        assert!(error.to_string().contains("shard"), "{error}");
    }
}
