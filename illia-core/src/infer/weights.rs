//! Between nets and methods: a net's weights as named tensors, and named tensors as draws of a net.

use std::collections::BTreeMap;

use tch::Tensor;

use super::swag::SwagState;
use super::{Named, finite};
use crate::error::{Error, Result};
use crate::noise::Stream;
use crate::{BayesianModule, Draws, RandomParameter};

/// A copy of the weights of `net` as they are, by their names in the traversal (`left.fc.weight`): of random parameters the
/// means.
///
/// ```
/// use illia_core::Draws;
/// use illia_core::infer::{draws_of, weights};
/// use illia_core::nn::{Linear, LinearConfig};
/// use tch::{Device, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let net = Linear::new(vs.root(), 3, 2, LinearConfig::default());
/// let snapshots = [weights(&net), weights(&net)]; // between steps of training, say
/// assert_eq!(snapshots[0]["weight"].size(), [2, 3]);
/// assert_eq!(draws_of(&net, &snapshots)?.len(), 2);
/// # Ok::<(), illia_core::Error>(())
/// ```
pub fn weights<M: BayesianModule + ?Sized>(net: &M) -> Named {
    let parameters = net.named_parameters().into_iter();
    parameters
        .map(|(name, parameter)| (name, tch::no_grad(|| parameter.mean_weights()).detach().copy()))
        .collect()
}

/// Concrete sets of weights as draws of `net`, one after the other.
///
/// # Errors
/// As [`Draws::new`]; [`Error::Configuration`] where a set lacks a name that the first one has.
pub fn draws_of<M: BayesianModule + ?Sized>(net: &M, sets: &[Named]) -> Result<Draws> {
    let mut stacked = BTreeMap::new();
    for name in sets.first().into_iter().flat_map(Named::keys) {
        let of_name = |set: &Named| set.get(name).map(Tensor::shallow_clone);
        let each = sets.iter().map(of_name).collect::<Option<Vec<_>>>();
        let each =
            each.ok_or_else(|| Error::configuration("draws", format!("none for {name}"), "one in each"))?;
        stacked.insert(name.clone(), Tensor::f_stack(&each, 0)?);
    }
    Draws::new(net, &stacked)
}

/// Makes the posterior of `net`'s random parameters of these names independent normals of these means and standard deviations: a method's
/// Gaussian becomes the net's, so that `forward`, `freeze`, `kl_cost`, files and [`posterior_as_prior`](crate::posterior_as_prior) go by
/// it. Parameters without a name among them stay.
///
/// [`SwagState`] and [`FittedLaplace`](super::laplace::FittedLaplace) have it as a method; of IVON on tensors, the state's mean and
/// [`Ivon::std`](super::ivon::Ivon::std) are what to give.
///
/// # Errors
/// [`Error::Configuration`] for names that the net or one of the two has not, and numbers that are not finite or a standard deviation that is not above 0;
/// [`Error::Shape`] for other shapes; [`Error::Unfit`] for a parameter whose posterior is no Gaussian. Nothing has been changed then.
///
/// ```
/// use illia_core::infer::{Named, set_posterior, weights};
/// use illia_core::nn::{Linear, LinearConfig};
/// use tch::{Device, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let net = Linear::new(vs.root(), 3, 2, LinearConfig::default());
/// let mean = weights(&net);
/// let std: Named = mean.iter().map(|(name, mean)| (name.clone(), mean.full_like(0.1))).collect();
/// set_posterior(&net, &mean, &std)?;
/// assert!((net.weight.sigma().unwrap().double_value(&[0, 0]) - 0.1).abs() < 1e-6);
/// # Ok::<(), illia_core::Error>(())
/// ```
pub fn set_posterior<M: BayesianModule + ?Sized>(net: &M, mean: &Named, std: &Named) -> Result<()> {
    finite("means", mean)?;
    finite("standard deviations", std)?;
    let named: BTreeMap<String, &RandomParameter> = net.named_parameters().into_iter().collect();
    let mut all = Vec::new();
    for (name, mean, std) in super::zip("standard deviations", mean, std)? {
        let stranger = || Error::configuration("means", name, "only names of the net's parameters");
        let parameter = *named.get(name).ok_or_else(stranger)?;
        if parameter.rho().is_none() {
            let problem =
                format!("its posterior, {}, is no Gaussian over the weights", parameter.posterior().name());
            return Err(Error::Unfit { layer: parameter.name().to_owned(), problem });
        }
        if mean.size() != parameter.mu().size() {
            let expected = format!("{:?}", parameter.mu().size());
            return Err(Error::Shape { layer: parameter.name().to_owned(), expected, given: mean.size() });
        }
        if std.le(0.0).any().int64_value(&[]) != 0 {
            let value = format!("not above 0 in {name}");
            return Err(Error::configuration("standard deviations", value, "above 0"));
        }
        all.push((parameter, mean, std));
    }
    for (parameter, mean, std) in all {
        parameter.set_gaussian(mean, std);
    }
    Ok(())
}

impl SwagState {
    /// Makes the diagonal Gaussian (SWAG-diagonal) the posterior of `net`, of which the [`weights`] were collected: [`set_posterior`].
    ///
    /// # Errors
    /// As [`set_posterior`]; [`Error::Configuration`] if nothing was collected.
    pub fn set_posterior<M: BayesianModule + ?Sized>(&self, net: &M) -> Result<()> {
        if self.count() == 0 {
            return Err(Error::configuration("snapshots", 0, "at least one (call `collect` while training)"));
        }
        let std = tch::no_grad(|| self.variance().into_iter().map(|(name, v)| (name, v.sqrt())).collect());
        set_posterior(net, self.mean(), &std)
    }

    /// `draws` draws of the weights of `net`, of which the [`weights`] were collected.
    ///
    /// # Errors
    /// As [`SwagState::draw`] and [`Draws::new`].
    pub fn draws<M: BayesianModule + ?Sized>(&self, net: &M, draws: usize) -> Result<Draws> {
        let noise = Stream::new();
        let each = (0..draws).map(|_| self.draw(noise.next_key())).collect::<Result<Vec<_>>>()?;
        draws_of(net, &each)
    }
}
