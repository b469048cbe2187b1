//! What optimisers remember: named tensors and counts, by the variables' names.

use std::collections::{BTreeMap, HashMap};

use tch::{Kind, Tensor};

use super::Optimiser;
use crate::error::{Error, Result};
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

/// What an optimiser knows of one variable's gradients.
#[derive(Debug)]
pub struct Moments {
    /// The mean of late gradients, of the variable's shape, its start at zero made up for.
    pub mean: Tensor,
    /// The mean of their squares.
    pub square: Tensor,
    /// What is left in `mean` of the variance of independent gradients: the sum of the squares of their weights in it, which is
    /// (1 - beta) (1 + beta^t) / ((1 + beta) (1 - beta^t)) after t steps of a decay by beta.
    pub kept: f64,
}

/// A step of a mean-field Gaussian's two variables.
#[derive(Debug)]
pub struct PosteriorStep<'a> {
    pub(crate) parameter: &'a RandomParameter,
    pub(crate) gradients: &'a Gradients<'a>,
    pub(crate) kl: Option<ClosedKl<'a>>,
    /// What the KL is multiplied by, per example.
    pub(crate) weight: f64,
    /// Of mu and of rho.
    pub(crate) memories: [&'a mut Memory; 2],
    pub(crate) learning_rates: [f64; 2],
}

/// An optimiser's memory of every variable, by the variable's name.
#[derive(Debug, Default)]
pub(crate) struct OptimiserState {
    memories: HashMap<String, Memory>,
    /// Whether all of it has the shapes of the variables that are trained now.
    pub fitting: bool,
}

/// Half precision has no room for a squared gradient.
pub(crate) fn state_kind(variable: Kind) -> Kind {
    match variable {
        Kind::Half | Kind::BFloat16 => Kind::Float,
        kind => kind,
    }
}

impl OptimiserState {
    /// What is remembered of a variable; zeros where that is nothing yet.
    pub(crate) fn of(
        &mut self,
        optimiser: &dyn Optimiser,
        (name, variable): (&str, &Tensor),
    ) -> Option<&mut Memory> {
        self.start(optimiser, (name, variable));
        self.memories.get_mut(name)
    }

    /// What is remembered of a variable, if it ever took a step.
    pub(crate) fn get(&self, variable: &str) -> Option<&Memory> {
        self.memories.get(variable).filter(|memory| memory.steps > 0)
    }

    /// The variables of which something is remembered.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.memories.keys().map(String::as_str)
    }

    /// The same of two variables, which are not one.
    pub(crate) fn of_both(
        &mut self,
        optimiser: &dyn Optimiser,
        variables: [(&str, &Tensor); 2],
    ) -> Option<[&mut Memory; 2]> {
        let [(first, _), (second, _)] = variables;
        if first == second {
            return None;
        }
        for variable in variables {
            self.start(optimiser, variable);
        }
        match self.memories.get_disjoint_mut([first, second]) {
            [Some(first), Some(second)] => Some([first, second]),
            _ => None,
        }
    }

    fn start(&mut self, optimiser: &dyn Optimiser, (name, variable): (&str, &Tensor)) {
        // Not by an entry, which would take a name of its own at each step.
        if !self.memories.contains_key(name) {
            let zeros = || variable.zeros_like().detach().to_kind(state_kind(variable.kind()));
            let tensors = optimiser.slots().iter().map(|_| zeros()).collect();
            self.memories.insert(name.to_owned(), Memory { tensors, steps: 0 });
        }
    }

    /// Refuses variables that go by the names of those of another net, which were moved before.
    pub(crate) fn fits(&mut self, variables: &[(String, Tensor)]) -> Result<()> {
        if self.fitting {
            return Ok(());
        }
        for (name, variable) in variables {
            let memory = self.memories.get(name);
            if memory.is_some_and(|m| m.tensors.iter().any(|tensor| tensor.size() != variable.size())) {
                let expected = "the shape that this trainer's earlier steps had".to_owned();
                return Err(Error::Shape { layer: name.clone(), expected, given: variable.size() });
            }
        }
        self.fitting = true;
        Ok(())
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
        OptimiserState { memories: memories.collect(), fitting: false }
    }
}

/// The name in a file of what an optimiser keeps of a variable.
pub(crate) fn in_file(optimiser: &dyn Optimiser, slot: &str, variable: &str) -> String {
    format!("{}.{slot}/{variable}", optimiser.name())
}
