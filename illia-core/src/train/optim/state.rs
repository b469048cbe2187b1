//! What optimisers remember: named tensors and counts, by the variables' names.

use std::collections::{BTreeMap, HashMap};

use tch::{Kind, Tensor};

use super::Optimiser;
use crate::parameter::RandomParameter;
use crate::parameter::fused::{ClosedKl, Gradients};

/// What an optimiser remembers of one variable.
#[derive(Debug)]
pub struct Memory {
    /// Its tensors, in the order of [`Optimiser::slots`].
    pub tensors: Vec<Tensor>,
    /// How many steps the variable took: one that gets no gradient takes none.
    pub steps: i64,
}

/// A step of a mean-field Gaussian's two variables.
#[derive(Debug)]
pub struct PosteriorStep<'a> {
    pub(crate) parameter: &'a RandomParameter,
    pub(crate) gradients: &'a Gradients<'a>,
    pub(crate) kl: Option<ClosedKl<'a>>,
    /// Of mu and of rho.
    pub(crate) memories: [Memory; 2],
    pub(crate) learning_rates: [f64; 2],
}

/// An optimiser's memory of every variable, by the variable's name.
#[derive(Debug, Default)]
pub(crate) struct OptimiserState {
    pub memories: HashMap<String, Memory>,
}

/// Half precision has no room for a squared gradient.
pub(crate) fn state_kind(variable: Kind) -> Kind {
    match variable {
        Kind::Half | Kind::BFloat16 => Kind::Float,
        kind => kind,
    }
}

impl OptimiserState {
    /// What is remembered of a variable, taken out: [`put`](Self::put) puts it back.
    pub(crate) fn take(&mut self, optimiser: &dyn Optimiser, name: &str, variable: &Tensor) -> Memory {
        self.memories.remove(name).unwrap_or_else(|| {
            let zeros = || variable.zeros_like().detach().to_kind(state_kind(variable.kind()));
            Memory { tensors: optimiser.slots().iter().map(|_| zeros()).collect(), steps: 0 }
        })
    }

    pub(crate) fn put(&mut self, name: &str, memory: Memory) {
        self.memories.insert(name.to_owned(), memory);
    }

    /// Its tensors as a file names them, `adam.mean/fc.weight.mu`, and the variables' steps.
    pub(crate) fn named(
        &self,
        optimiser: &dyn Optimiser,
    ) -> (BTreeMap<String, Tensor>, BTreeMap<String, i64>) {
        let mut tensors = BTreeMap::new();
        for (variable, memory) in &self.memories {
            for (slot, tensor) in optimiser.slots().iter().zip(&memory.tensors) {
                tensors.insert(in_file(optimiser, slot, variable), tensor.shallow_clone());
            }
        }
        let steps = self.memories.iter().map(|(name, memory)| (name.clone(), memory.steps)).collect();
        (tensors, steps)
    }

    /// The state that [`named`](Self::named) gave.
    pub(crate) fn from_named(
        optimiser: &dyn Optimiser,
        mut tensors: BTreeMap<String, Tensor>,
        steps: &BTreeMap<String, i64>,
    ) -> OptimiserState {
        let memories = steps.iter().map(|(variable, &steps)| {
            let slots = optimiser.slots().iter();
            let tensors =
                slots.filter_map(|slot| tensors.remove(&in_file(optimiser, slot, variable))).collect();
            (variable.clone(), Memory { tensors, steps })
        });
        OptimiserState { memories: memories.collect() }
    }
}

/// The name in a file of what an optimiser keeps of a variable.
pub(crate) fn in_file(optimiser: &dyn Optimiser, slot: &str, variable: &str) -> String {
    format!("{}.{slot}/{variable}", optimiser.name())
}
