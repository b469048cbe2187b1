//! From a trained net to a lighter one: weights of which the posterior is least sure become 0.

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::module::BayesianModule;

/// What [`prune`] did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pruning {
    /// How many weights are pruned now, those of earlier calls among them.
    pub pruned: usize,
    /// Of how many with a Gaussian posterior.
    pub total: usize,
    /// The largest |mu| / sigma that was pruned; -1 if none was.
    pub threshold: f64,
}

/// Prunes the weights with the lowest |mu| / sigma, over all parameters together, until `fraction` of those with a
/// Gaussian posterior are exactly 0 (Blundell et al. 2015, section 5.1).
///
/// A pruned weight is out of the model for good: 0 in every draw, no KL, no gradient, not counted as a random
/// parameter. Points, dropout and plain weights stay as they are. Pruning again to a higher fraction adds to what is
/// pruned. Files keep it; after loading, [`restore_pruning`] makes it known to the net.
///
/// # Errors
/// [`Error::Configuration`] unless `fraction` is from 0 to 1.
///
/// ```
/// use illia_core::nn::{Linear, LinearConfig};
/// use illia_core::{BayesianModule, prune};
/// use tch::{Device, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let mut net = Linear::new(vs.root(), 9, 10, LinearConfig::default());
/// prune(&mut net, 0.75)?;
/// assert_eq!(net.kl_cost().num_params, 25);
/// # Ok::<(), illia_core::Error>(())
/// ```
pub fn prune<M: BayesianModule + ?Sized>(net: &mut M, fraction: f64) -> Result<Pruning> {
    if !(0.0..=1.0).contains(&fraction) {
        return Err(Error::configuration("fraction", fraction, "from 0 to 1"));
    }
    let mut ratios = Vec::new();
    for parameter in net.parameters() {
        if let Some(ratio) = parameter.signal_to_noise() {
            ratios.push(ratio.flatten(0, -1).to_device(Device::Cpu).to_kind(Kind::Double));
        }
    }
    let total: usize = ratios.iter().map(Tensor::numel).sum();
    let wanted = (fraction * total as f64).round() as i64;
    if total == 0 || wanted == 0 {
        return Ok(Pruning { pruned: 0, total, threshold: -1.0 });
    }
    let all = Tensor::f_cat(&ratios, 0).map_err(|error| Error::torch("prune", &error))?;
    // By rank, not by threshold: weights that start alike have equal ratios.
    let order = all.argsort_stable(true, 0, false).narrow(0, 0, wanted);
    let threshold = all.index_select(0, &order).max().double_value(&[]);
    let mut mask = Tensor::zeros([total as i64], (Kind::Bool, Device::Cpu));
    let _ = mask.index_fill_(0, &order, 1);
    let (mut at, mut pruned, mut result) = (0, 0, Ok(()));
    net.each_parameter_mut(&mut |_, parameter| {
        if parameter.rho().is_some() && result.is_ok() {
            let n = parameter.num_weights() as i64;
            result = parameter.prune(&mask.narrow(0, at, n).reshape(parameter.mu().size()));
            at += n;
            pruned += parameter.num_pruned();
        }
    });
    result?;
    Ok(Pruning { pruned, total, threshold })
}

/// Recognises what was pruned before the net's variables were saved, after they were loaded.
pub fn restore_pruning<M: BayesianModule + ?Sized>(net: &mut M) {
    net.each_parameter_mut(&mut |_, parameter| parameter.restore_pruning());
}

#[cfg(test)]
mod tests {
    use tch::nn::{self, Module};

    use super::*;
    use crate::nn::{Linear, LinearConfig};
    use crate::{Adam, Estimator, Prior, Trainer, manual_seed};

    fn layer(estimator: Estimator, prior: Prior) -> (nn::VarStore, Linear) {
        let vs = nn::VarStore::new(Device::Cpu);
        let config = LinearConfig { estimator, prior, ..Default::default() };
        let net = Linear::new(vs.root(), 9, 10, config);
        (vs, net)
    }

    /// The positions where all of `draws` draws of the weight are exactly 0.
    fn zeros(net: &Linear, draws: usize) -> i64 {
        let sum = (0..draws).map(|_| net.weight.draw().weights().abs()).reduce(|a, b| a + b).unwrap();
        sum.eq(0.0).sum(Kind::Int64).int64_value(&[])
    }

    #[test]
    fn the_least_sure_become_zero_and_stay_zero_through_training() {
        for prior in [Prior::default(), Prior::StudentT { dof: 4.0, scale: 0.1 }] {
            for estimator in
                [Estimator::Reparameterization, Estimator::LocalReparameterization, Estimator::Flipout]
            {
                manual_seed(3);
                let (vs, mut net) = layer(estimator, prior);
                let x = Tensor::randn([8, 9], (Kind::Float, Device::Cpu));
                let mut trainer = Trainer::new(Adam { learning_rate: 0.05, ..Adam::default() }, 8).unwrap();
                let mut step = |net: &Linear| {
                    trainer.step(net, &vs, 1.0, || Ok((net.forward(&x) - 3.0).square().mean(Kind::Float)))
                };
                // Momentum from before the pruning must not move a pruned weight.
                step(&net).unwrap();
                let pruning = prune(&mut net, 0.5).unwrap();
                assert_eq!((pruning.pruned, pruning.total), (50, 100));
                let before = zeros(&net, 3);
                assert_eq!(before, net.weight.num_pruned() as i64);
                for _ in 0..5 {
                    assert!(step(&net).unwrap().kl.is_finite());
                }
                assert_eq!(zeros(&net, 3), before);
                let mean = net.forward(&x).sum(Kind::Float).double_value(&[]);
                assert!(mean.is_finite());
                assert_eq!(net.kl_cost().num_params, 50);
                assert!(net.kl_cost().nats.double_value(&[]).is_finite());
                assert!(net.kl_cost_monte_carlo().nats.double_value(&[]).is_finite());
            }
        }
    }

    #[test]
    fn it_goes_by_the_ratio_and_adds_up() {
        manual_seed(1);
        let (_vs, mut net) = layer(Estimator::default(), Prior::default());
        let ratio = net.weight.signal_to_noise().unwrap();
        let pruning = prune(&mut net, 0.3).unwrap();
        let kept = ratio.masked_select(&net.weight.mu().ne(0.0));
        assert!(kept.min().double_value(&[]) >= pruning.threshold);
        assert_eq!(prune(&mut net, 0.6).unwrap().pruned, 60);
        assert_eq!(prune(&mut net, 0.6).unwrap().pruned, 60);
        assert_eq!(prune(&mut net, 1.0).unwrap().pruned, 100);
        assert_eq!(net.kl_cost().nats.double_value(&[]), 0.0);
        assert!(prune(&mut net, 1.1).is_err() && prune(&mut net, f64::NAN).is_err());
    }

    #[test]
    fn the_variables_alone_tell_what_was_pruned() {
        manual_seed(2);
        let (vs, mut net) = layer(Estimator::default(), Prior::default());
        prune(&mut net, 0.4).unwrap();
        let (mut other_vs, mut other) = layer(Estimator::default(), Prior::default());
        other_vs.copy(&vs).unwrap();
        restore_pruning(&mut other);
        assert_eq!(other.kl_cost().num_params, 60);
        let kl = |net: &Linear| net.kl_cost().nats.double_value(&[]);
        assert_eq!(kl(&other), kl(&net));
    }

    #[test]
    fn at_the_mean_nothing_is_random() {
        manual_seed(4);
        let (_vs, mut net) = layer(Estimator::LocalReparameterization, Prior::default());
        net.freeze_at_mean();
        assert!(net.is_frozen());
        let x = Tensor::randn([8, 9], (Kind::Float, Device::Cpu));
        let expected = x.linear(net.weight.mu(), net.bias.as_ref().map(|b| b.mu()));
        assert_eq!(net.forward(&x), expected);
        assert!(!net.forward(&x).requires_grad());
        net.unfreeze();
        assert_ne!(net.forward(&x), expected);
    }
}
