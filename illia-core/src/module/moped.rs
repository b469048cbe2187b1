//! From a trained deterministic net to a Bayesian one.

use std::collections::HashMap;

use tch::Tensor;

use crate::error::{Error, Result};
use crate::module::BayesianModule;

/// Where |w| is 0 the posterior still needs a width.
const FLOOR: f64 = 1e-4;

/// Starts `net` at the weights of its deterministic `twin`, matched by name (MOPED; Krishnan, Subedar & Tickoo 2020):
/// mu = w, sigma = `delta` |w| (at least 1e-4), and the net's own prior centred at w.
///
/// The twin is the same net with [`Posterior::Plain`](crate::Posterior::Plain) or
/// [`Posterior::Point`](crate::Posterior::Point) weights; of another posterior, its mu is taken. Random parameters
/// without a sigma start at w, and plain weights among the net's own become w. Weights in plain `tch::nn` layers are not
/// part of a traversal: copy those with [`tch::nn::VarStore::copy`].
///
/// The prior's centre is part of the net, not of its variables: [`checkpoint::save`](crate::checkpoint::save) keeps it, a
/// `VarStore`'s own file does not.
///
/// # Errors
/// [`Error::Configuration`] unless `delta` is above 0, and for a parameter that the twin does not have;
/// [`Error::Shape`] for one of another shape. The parameters before it have been changed then.
///
/// ```
/// use illia_core::nn::{Linear, LinearConfig};
/// use illia_core::{Posterior, moped};
/// use tch::{Device, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let plain = LinearConfig { posterior: Posterior::plain(), ..Default::default() };
/// let twin = Linear::new(vs.root() / "twin", 4, 3, plain);
/// let mut net = Linear::new(vs.root() / "net", 4, 3, LinearConfig::default());
/// moped(&mut net, &twin, 0.1)?;
/// assert_eq!(net.weight.mu(), twin.weight.mu());
/// # Ok::<(), illia_core::Error>(())
/// ```
pub fn moped<M, T>(net: &mut M, twin: &T, delta: f64) -> Result<()>
where
    M: BayesianModule + ?Sized,
    T: BayesianModule + ?Sized,
{
    let parameters = twin.named_parameters().into_iter();
    let weights = parameters.map(|(name, parameter)| (name, parameter.mu().shallow_clone())).collect();
    moped_from(net, &weights, delta)
}

/// [`moped`] from weights by name: a net's of plain `tch::nn` layers, from `vs.variables()`.
///
/// # Errors
/// As [`moped`].
pub fn moped_from<M: BayesianModule + ?Sized>(
    net: &mut M,
    weights: &HashMap<String, Tensor>,
    delta: f64,
) -> Result<()> {
    if !(delta.is_finite() && delta > 0.0) {
        return Err(Error::configuration("delta", delta, "a finite number above 0"));
    }
    let mut result = Ok(());
    net.each_parameter_mut(&mut |name, parameter| {
        let missing = || Error::configuration("twin", "another net", &format!("one that has `{name}`"));
        let start = |weight| parameter.start_at(weight, delta, FLOOR).map_err(|error| error.at(name));
        if result.is_ok() {
            result = weights.get(name).ok_or_else(missing).and_then(start);
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use tch::{Device, nn};

    use super::*;
    use crate::nn::{Linear, LinearConfig};
    use crate::{Posterior, Prior};

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{a} is not {b}");
    }

    #[test]
    fn the_posterior_starts_at_the_twin_and_the_prior_moves_there() {
        let vs = nn::VarStore::new(Device::Cpu);
        let w = Tensor::from_slice(&[0.5f32, -40.0, 0.0, 300.0]).reshape([2, 2]);
        let mut weights = HashMap::from([("weight".to_owned(), w.shallow_clone())]);
        weights.insert("bias".to_owned(), Tensor::from_slice(&[1.0f32, 2.0]));
        let prior = Prior::Gaussian { mean: 0.3, std: 0.2 };
        let mut net = Linear::new(vs.root(), 2, 2, LinearConfig { prior, ..Default::default() });
        moped_from(&mut net, &weights, 0.1).unwrap();
        assert_eq!(net.weight.mu(), &w);
        let sigma = net.weight.sigma().unwrap();
        for (at, expected) in [([0, 0], 0.05), ([0, 1], 4.0), ([1, 0], FLOOR), ([1, 1], 30.0)] {
            close(sigma.double_value(&at), expected);
        }
        // KL(N(w, s²) ‖ N(w, 0.2²)): the centre, and the prior's own mean, are out of it.
        let by_hand: f64 = [0.05f64, 4.0, FLOOR, 30.0, 0.1, 0.2]
            .iter()
            .map(|s| (0.2f64 / s).ln() + s * s / (2.0 * 0.04) - 0.5)
            .sum();
        close(net.kl_cost().nats.double_value(&[]), by_hand);
    }

    #[test]
    fn plain_layers_of_tch_are_a_twin_and_a_wrong_one_is_named() {
        let vs = nn::VarStore::new(Device::Cpu);
        let _twin = nn::linear(vs.root(), 3, 2, Default::default());
        let own = nn::VarStore::new(Device::Cpu);
        let mut net = Linear::new(own.root(), 3, 2, LinearConfig::default());
        moped_from(&mut net, &vs.variables(), 0.2).unwrap();
        assert_eq!(net.weight.mu(), &vs.variables()["weight"]);
        let mut wider = Linear::new(own.root() / "wider", 4, 2, LinearConfig::default());
        let message = moped_from(&mut wider, &vs.variables(), 0.2).unwrap_err().to_string();
        assert!(message.contains("weight") && message.contains("[2, 4]"), "{message}");
        let message = moped_from(&mut net, &HashMap::new(), 0.2).unwrap_err().to_string();
        assert!(message.contains("`weight`"), "{message}");
        assert!(moped_from(&mut net, &vs.variables(), 0.0).is_err());
    }

    #[test]
    fn a_net_with_a_point_in_it_starts_there() {
        let vs = nn::VarStore::new(Device::Cpu);
        let plain = LinearConfig { posterior: Posterior::plain(), ..Default::default() };
        let twin = Linear::new(vs.root() / "twin", 4, 3, plain);
        let point =
            LinearConfig { posterior: Posterior::point(), prior: Prior::python(), ..Default::default() };
        let mut net = Linear::new(vs.root() / "net", 4, 3, point);
        moped(&mut net, &twin, 0.1).unwrap();
        assert_eq!(net.weight.mu(), twin.weight.mu());
        // At its prior's centre every weight costs -log N(0; 0, 0.1²).
        close(net.kl_cost().nats.double_value(&[]), 15.0 * (0.1f64.ln() + 0.918_938_533_204_672_7));
    }
}
