//! A store's variables, and where a model's parameters are among them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tch::Tensor;
use tch::nn::{self, VarStore};

use crate::parameter::{ParameterId, RandomParameter};

/// A store's variables by name, sorted; asked for again when it is another store or has more.
#[derive(Debug, Default)]
pub(super) struct Variables {
    of: Option<Arc<Mutex<nn::Variables>>>,
    all: Vec<(String, Tensor)>,
    /// Where among them each parameter's are, as far as was asked.
    known: HashMap<ParameterId, Place>,
}

/// Where a parameter's variables are in a list; None where they are not in the store.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub mu: Option<usize>,
    pub rho: Option<usize>,
    pub prior_rho: Option<usize>,
}

/// Where parameters' variables are among those that are trained.
pub(super) struct Places(HashMap<ParameterId, Place>);

impl Places {
    pub(super) fn of(&self, parameter: &RandomParameter) -> Place {
        self.0.get(&parameter.id()).copied().unwrap_or_default()
    }
}

impl Variables {
    pub(super) fn follow(&mut self, vs: &VarStore) {
        let same = self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, &vs.variables_));
        if same && self.all.len() == vs.len() {
            return;
        }
        self.of = Some(Arc::clone(&vs.variables_));
        self.all = vs.variables().into_iter().collect();
        self.all.sort_by(|a, b| a.0.cmp(&b.0));
        self.known.clear();
    }

    /// Those that want a gradient, with their places among all.
    pub(super) fn trained(&self) -> Vec<(usize, Tensor)> {
        let all = self.all.iter().enumerate();
        let trained = all.filter(|(_, (_, variable))| variable.requires_grad());
        trained.map(|(at, (_, variable))| (at, variable.shallow_clone())).collect()
    }

    /// The name of the trained variable at `at`.
    pub(super) fn name(&self, trained: &[(usize, Tensor)], at: usize) -> Option<String> {
        self.all.get(trained.get(at)?.0).map(|(name, _)| name.clone())
    }

    /// Whether the store's variable of this name is this one.
    pub(super) fn holds(&self, name: &str, variable: &Tensor) -> bool {
        self.find(name, variable).is_some()
    }

    fn find(&self, name: &str, variable: &Tensor) -> Option<usize> {
        let at = self.all.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        self.all.get(at).filter(|(_, own)| own.is_set_to(variable)).map(|_| at)
    }

    /// Where the parameters' variables are among the trained ones.
    pub(super) fn places(&mut self, parameters: &[&RandomParameter], trained: &[(usize, Tensor)]) -> Places {
        let mut among = vec![None; self.all.len()];
        for (at, (place, _)) in trained.iter().enumerate() {
            if let Some(slot) = among.get_mut(*place) {
                *slot = Some(at);
            }
        }
        let mut places = HashMap::with_capacity(parameters.len());
        for parameter in parameters {
            let known = self.known.get(&parameter.id()).copied().unwrap_or_else(|| self.place(parameter));
            self.known.insert(parameter.id(), known);
            let trained = |at: Option<usize>| at.and_then(|at| among.get(at).copied().flatten());
            let place =
                Place { mu: trained(known.mu), rho: trained(known.rho), prior_rho: trained(known.prior_rho) };
            places.insert(parameter.id(), place);
        }
        Places(places)
    }

    fn place(&self, parameter: &RandomParameter) -> Place {
        let mut place = Place::default();
        for (name, variable) in parameter.named_variables() {
            let at = self.find(&name, variable);
            match name.rsplit('.').next() {
                Some("mu") => place.mu = at,
                Some("rho") => place.rho = at,
                Some("prior_rho") => place.prior_rho = at,
                _ => {}
            }
        }
        place
    }

    /// The running statistics of batch norms, which a forward in training changes, as they are now.
    pub(super) fn statistics(&self) -> Statistics {
        let running = |name: &str| name.ends_with("running_mean") || name.ends_with("running_var");
        let all = self.all.iter().filter(|(name, variable)| running(name) && !variable.requires_grad());
        Statistics(all.map(|(_, variable)| (variable.shallow_clone(), variable.copy())).collect())
    }
}

/// Variables and what they were.
pub(super) struct Statistics(Vec<(Tensor, Tensor)>);

impl Statistics {
    pub(super) fn restore(self) {
        let _no_grad = tch::no_grad_guard();
        for (mut variable, before) in self.0 {
            variable.copy_(&before);
        }
    }
}
