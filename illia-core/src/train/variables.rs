//! A store's variables, and where a model's parameters are among them.

use std::sync::{Arc, Mutex};

use tch::Tensor;
use tch::nn::{self, VarStore};

use crate::error::{Error, Result};
use crate::parameter::{ById, INPUT_RHO, Posterior, RandomParameter};

/// A store's variables by name, sorted; asked for again when it is another store or has more.
#[derive(Debug, Default)]
pub(super) struct Variables {
    of: Option<Arc<Mutex<nn::Variables>>>,
    all: Vec<(String, Tensor)>,
    /// Where among them each parameter's are, as far as was asked.
    known: ById<Place>,
}

/// Where a parameter's variables are among a store's; None where they are not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub mu: Option<usize>,
    pub rho: Option<usize>,
    pub prior_rho: Option<usize>,
    /// Of the factors of Gaussian dropout.
    pub input_rho: Option<usize>,
}

impl Variables {
    /// Takes the store's variables; whether they are other ones than before.
    pub(super) fn follow(&mut self, vs: &VarStore) -> bool {
        let same = self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, &vs.variables_));
        if same && self.all.len() == vs.len() {
            return false;
        }
        self.of = Some(Arc::clone(&vs.variables_));
        self.all = vs.variables().into_iter().collect();
        self.all.sort_by(|a, b| a.0.cmp(&b.0));
        self.known.clear();
        true
    }

    /// All of them, in their order.
    pub(super) fn all(&self) -> &[(String, Tensor)] {
        &self.all
    }

    /// Which of them want a gradient.
    pub(super) fn trained(&self) -> Vec<bool> {
        self.all.iter().map(|(_, variable)| variable.requires_grad()).collect()
    }

    /// Whether the store's variable of this name is this one.
    pub(super) fn holds(&self, name: &str, variable: &Tensor) -> bool {
        self.find(name, variable).is_some()
    }

    fn find(&self, name: &str, variable: &Tensor) -> Option<usize> {
        let at = self.all.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        self.all.get(at).filter(|(_, own)| own.is_set_to(variable)).map(|_| at)
    }

    /// Looks for the variables of parameters that were not asked for before.
    pub(super) fn locate(&mut self, parameters: &[&RandomParameter]) {
        for parameter in parameters {
            if !self.known.contains_key(&parameter.id()) {
                self.known.insert(parameter.id(), self.find_all(parameter));
            }
        }
    }

    /// Where the variables of a parameter that was located are, those that are trained.
    pub(super) fn place(&self, parameter: &RandomParameter, trained: &[bool]) -> Place {
        let known = self.known.get(&parameter.id()).copied().unwrap_or_default();
        let [mu, rho, prior_rho, input_rho] = [known.mu, known.rho, known.prior_rho, known.input_rho]
            .map(|at| at.filter(|&at| trained.get(at).is_some_and(|&trained| trained)));
        Place { mu, rho, prior_rho, input_rho }
    }

    fn find_all(&self, parameter: &RandomParameter) -> Place {
        let mut place = Place::default();
        let has_factors = matches!(parameter.posterior(), Posterior::GaussianDropout { .. });
        for (name, variable) in parameter.named_variables() {
            let at = self.find(&name, variable);
            match name.rsplit('.').next() {
                Some("mu") => place.mu = at,
                Some("rho") => place.rho = at,
                Some("prior_rho") => place.prior_rho = at,
                Some(INPUT_RHO) if has_factors => place.input_rho = at,
                _ => {}
            }
        }
        place
    }

    /// The running statistics of batch norms, which a forward in training changes, as they are now.
    pub(super) fn statistics(&self) -> Statistics {
        let running = |name: &str| name.ends_with("running_mean") || name.ends_with("running_var");
        let all = self.all.iter().filter(|(name, variable)| running(name) && !variable.requires_grad());
        Statistics(
            all.map(|(name, variable)| (name.clone(), variable.shallow_clone(), variable.copy())).collect(),
        )
    }
}

/// Variables by name, and what they were.
pub(super) struct Statistics(Vec<(String, Tensor, Tensor)>);

impl Statistics {
    /// Refuses a forward that has changed them: each of several processes would normalise by its own examples.
    pub(super) fn same(&self) -> Result<()> {
        let changed = self.0.iter().find(|(_, now, before)| now != before);
        changed.map_or(Ok(()), |(name, ..)| {
            let layer = name.rsplit_once('.').map_or("", |(layer, _)| layer).to_owned();
            let problem = "a batch norm would see one process's examples alone: run it in evaluation mode, or take a layer norm or \
                           group norm in its place";
            Err(Error::Unfit { layer, problem: problem.to_owned() })
        })
    }

    pub(super) fn restore(self) {
        let _no_grad = tch::no_grad_guard();
        for (_, mut variable, before) in self.0 {
            variable.copy_(&before);
        }
    }
}
