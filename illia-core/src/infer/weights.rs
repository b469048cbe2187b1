//! Between nets and methods: a net's weights as named tensors, and named tensors as draws of a net.

use std::collections::BTreeMap;

use tch::Tensor;

use super::Named;
use super::swag::SwagState;
use crate::error::{Error, Result};
use crate::noise::Stream;
use crate::{BayesianModule, Draws};

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

impl SwagState {
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
