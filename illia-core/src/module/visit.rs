//! What a traversal shows a module's parameters to.

use crate::module::BayesianModule;
use crate::parameter::RandomParameter;

/// Collects the parameters that a traversal shows, with their dotted names.
#[derive(Debug)]
pub struct Visitor<'a> {
    /// Where the traversal stands; None where nobody reads the names.
    path: Option<String>,
    plain_weights: usize,
    parameters: Vec<(String, &'a RandomParameter)>,
}

/// What a mutable traversal shows the parameters to, with their dotted names.
pub struct VisitorMut<'a> {
    path: String,
    on_parameter: &'a mut dyn FnMut(&str, &mut RandomParameter),
}

impl<'a> Visitor<'a> {
    /// A visitor that names each parameter by its way there (`left.fc.weight`).
    pub fn new() -> Self {
        Visitor { path: Some(String::new()), plain_weights: 0, parameters: Vec::new() }
    }

    /// One for those who don't read the names.
    pub(crate) fn unnamed() -> Self {
        Visitor { path: None, ..Visitor::new() }
    }

    /// Tells of so many weights of a plain layer, one of tch's, say, that are no [`RandomParameter`].
    pub fn plain(&mut self, weights: usize) {
        self.plain_weights += weights;
    }

    /// How many weights [`plain`](Self::plain) told of.
    pub fn plain_weights(&self) -> usize {
        self.plain_weights
    }

    /// Shows a child module: a layer, a net, a [`RandomParameter`], several of one or none.
    pub fn module(&mut self, name: &str, module: &'a dyn BayesianModule) {
        let parent = self.path.as_mut().map(|path| enter(path, name));
        module.visit(self);
        if let (Some(path), Some(parent)) = (&mut self.path, parent) {
            path.truncate(parent);
        }
    }

    /// Shows a random parameter, which is a module of one.
    pub fn parameter(&mut self, name: &str, parameter: &'a RandomParameter) {
        self.module(name, parameter);
    }

    /// What was shown, in order.
    pub fn into_named(self) -> Vec<(String, &'a RandomParameter)> {
        self.parameters
    }

    pub(crate) fn into_parameters(self) -> Vec<&'a RandomParameter> {
        self.parameters.into_iter().map(|(_, parameter)| parameter).collect()
    }
}

impl Default for Visitor<'_> {
    fn default() -> Self {
        Visitor::new()
    }
}

impl<'a> VisitorMut<'a> {
    /// A visitor that calls `on_parameter` with each parameter's dotted name (`left.fc.weight`).
    pub fn new(on_parameter: &'a mut dyn FnMut(&str, &mut RandomParameter)) -> Self {
        VisitorMut { path: String::new(), on_parameter }
    }

    /// Shows a random parameter, as [`Visitor::parameter`].
    pub fn parameter(&mut self, name: &str, parameter: &mut RandomParameter) {
        self.module(name, parameter);
    }

    /// Shows a child module, as [`Visitor::module`].
    pub fn module(&mut self, name: &str, module: &mut dyn BayesianModule) {
        let parent = enter(&mut self.path, name);
        module.visit_mut(self);
        self.path.truncate(parent);
    }
}

/// Appends `name` to the dotted path; returns the length to go back to.
fn enter(path: &mut String, name: &str) -> usize {
    let parent = path.len();
    if parent > 0 {
        path.push('.');
    }
    path.push_str(name);
    parent
}

/// A parameter is a module of one, which stands where it is named.
impl BayesianModule for RandomParameter {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
        visitor.parameters.push((visitor.path.clone().unwrap_or_default(), self));
    }
    fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
        (visitor.on_parameter)(&visitor.path, self);
    }
}
