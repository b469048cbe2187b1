//! Draws of a whole net as a value: what methods produce and predictions take.

use std::collections::BTreeMap;

use tch::Tensor;

use crate::error::{Error, Result};
use crate::module::BayesianModule;
use crate::parameter::{ById, ParameterId};

/// Concrete sets of weights of a net: for each of its parameters, `[draws, ..]` of them.
///
/// Every method that ends in samples, members or snapshots gives such a value, and
/// [`Predict::run_draws`](crate::Predict::run_draws) takes it; the parameters that it leaves out have their own draws.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use illia_core::nn::Linear;
/// use illia_core::{Draws, Predict};
/// use tch::{Device, Kind, Tensor, nn::VarStore};
///
/// let vs = VarStore::new(Device::Cpu);
/// let net = Linear::new(vs.root() / "fc", 3, 1, Default::default());
/// let float = (Kind::Float, Device::Cpu);
/// let weights = BTreeMap::from([("weight".to_owned(), Tensor::ones([5, 1, 3], float))]);
/// let prediction = Predict::new().run_draws(&net, &Draws::new(&net, &weights)?, &Tensor::ones([2, 3], float))?;
/// assert_eq!(prediction.outputs().size(), [5, 2, 1]);
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Draws {
    weights: ById<Tensor>,
    len: i64,
}

impl Draws {
    /// Draws of `net`'s parameters, random or plain, by their names in the traversal (`left.fc.weight`): each `[draws, ..]`.
    ///
    /// ```
    /// use illia_core::nn::{Linear, LinearConfig};
    /// use illia_core::{Draws, Predict};
    /// use std::collections::BTreeMap;
    /// use tch::{Device, Kind, Tensor, nn};
    ///
    /// let vs = nn::VarStore::new(Device::Cpu);
    /// let net = Linear::new(vs.root(), 1, 1, LinearConfig { bias: false, ..Default::default() });
    /// let weights = Tensor::from_slice(&[1f32, 2.0, 3.0]).reshape([3, 1, 1]);
    /// let draws = Draws::new(&net, &BTreeMap::from([("weight".to_owned(), weights)]))?;
    /// let x = Tensor::ones([1, 1], (Kind::Float, Device::Cpu));
    /// assert_eq!(Predict::new().run_draws(&net, &draws, &x)?.mean().double_value(&[0, 0]), 2.0);
    /// # Ok::<(), illia_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`] where a tensor is not `[draws, ..]` of its parameter; [`Error::Configuration`] for a name that the net
    /// has not, and for no draws or unequal numbers of them.
    pub fn new<M: BayesianModule + ?Sized>(net: &M, weights: &BTreeMap<String, Tensor>) -> Result<Draws> {
        let len = weights.values().next().and_then(|w| w.size().first().copied()).unwrap_or(0);
        if len < 1 {
            return Err(Error::configuration("draws", len, "at least 1"));
        }
        let parameters: BTreeMap<_, _> = net.named_parameters().into_iter().collect();
        let mut by_id = ById::default();
        for (name, given) in weights {
            let Some(parameter) = parameters.get(name) else {
                return Err(Error::configuration("draws", name, "only of parameters that the net has"));
            };
            let mut wanted = vec![len];
            wanted.extend(parameter.mu().size());
            if given.size() != wanted {
                let (layer, expected) = (name.to_owned(), format!("{wanted:?} of draws"));
                return Err(Error::Shape { layer, expected, given: given.size() });
            }
            let (kind, device) = parameter.kind_device();
            by_id.insert(parameter.id(), given.detach().to_kind(kind).to_device(device));
        }
        Ok(Draws { weights: by_id, len })
    }

    /// How many draws there are, of each parameter as many.
    #[allow(clippy::len_without_is_empty)] // There is at least one.
    pub fn len(&self) -> usize {
        self.len.max(0) as usize
    }

    /// A parameter's, `[draws, ..]`.
    pub(crate) fn of(&self, id: ParameterId) -> Option<&Tensor> {
        self.weights.get(&id)
    }

    pub(crate) fn shallow_clone(&self) -> Draws {
        let weights = self.weights.iter().map(|(id, weights)| (*id, weights.shallow_clone())).collect();
        Draws { weights, len: self.len }
    }
}
