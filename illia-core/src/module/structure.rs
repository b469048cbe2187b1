//! What a net of `bnn!` consists of: the lines of its table, and what flows between its steps.

use illia_shape::{Axis, Shape};

use crate::module::{BayesianModule, Count, Visitor};
use crate::parameter::{Estimator, Posterior, Prior};

/// What goes into a step: the inputs by their places, then the steps; with the name of the value that it is, which may be none.
pub type Flow = &'static [(usize, &'static str)];

/// One step: the line that it begins with and that of its shape (`!0` for none), the ops behind its layer, and what goes into it.
pub type Step = (usize, usize, &'static str, Flow);

/// A net's lines and steps.
#[derive(Debug, Clone)]
pub struct Structure {
    pub(crate) name: String,
    pub(crate) inputs: Vec<(String, Shape)>,
    pub(crate) outputs: Vec<(String, Shape)>,
    pub(crate) rows: Vec<Row>,
    pub(crate) steps: &'static [Step],
    /// What becomes of each output.
    pub(crate) ends: &'static [Flow],
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) output: Shape,
    pub(crate) random: usize,
    pub(crate) plain: usize,
    /// Of its variables.
    pub(crate) bytes: usize,
    /// Whether its weights have a line before this one.
    pub(crate) is_again: bool,
    /// For one example; None where nobody knows.
    pub(crate) multiply_adds: Option<Count>,
    pub(crate) estimator: Option<Estimator>,
    /// Different priors and posteriors of its random parameters.
    pub(crate) priors: Vec<Prior>,
    pub(crate) posteriors: Vec<Posterior>,
    /// Where it is a net itself.
    pub(crate) inner: Option<Box<Structure>>,
}

impl Structure {
    /// As the macro has it.
    pub fn new(
        name: &str,
        inputs: &[(&str, Shape)],
        outputs: &[(&str, Shape)],
        rows: Vec<Row>,
        steps: &'static [Step],
        ends: &'static [Flow],
    ) -> Structure {
        let named = |ports: &[(&str, Shape)]| {
            ports.iter().map(|(name, shape)| ((*name).to_owned(), *shape)).collect::<Vec<_>>()
        };
        Structure { name: name.to_owned(), inputs: named(inputs), outputs: named(outputs), rows, steps, ends }
    }

    /// Those of all lines; None where one is not known.
    pub(crate) fn multiply_adds(&self, output: &[Axis]) -> Option<Count> {
        let all = self
            .rows
            .iter()
            .try_fold(Count::default(), |sum, row| Some(sum.plus(row.multiply_adds.as_ref()?)))?;
        // Within another net an axis has that one's name, or its length.
        let [(_, own)] = self.outputs.as_slice() else { return Some(all) };
        let named = own.axes().iter().zip(output).filter_map(|(own, outer)| match own {
            Axis::Named(name) => Some((*name, *outer)),
            _ => None,
        });
        Some(named.fold(all, |all, (name, outer)| all.with(name, outer)))
    }
}

impl Row {
    /// An op.
    pub fn new(name: &str, kind: &str, output: Shape) -> Row {
        Row {
            name: name.to_owned(),
            kind: kind.to_owned(),
            output,
            random: 0,
            plain: 0,
            bytes: 0,
            is_again: false,
            multiply_adds: Some(Count::default()),
            estimator: None,
            priors: Vec::new(),
            posteriors: Vec::new(),
            inner: None,
        }
    }

    /// A layer, whose parameters are counted by its traversal.
    pub fn of(name: &str, kind: &str, output: Shape, module: &dyn BayesianModule) -> Row {
        let mut row = Row::new(name, kind, output);
        row.inner = module.structure().map(Box::new);
        row.multiply_adds = module.multiply_adds(output.axes());
        let mut visitor = Visitor::unnamed();
        module.visit(&mut visitor);
        row.plain += visitor.plain_weights();
        // tch's layers, which show how many they have, make them in single precision.
        row.bytes += visitor.plain_weights() * size_of::<f32>();
        for parameter in visitor.into_parameters() {
            let variables = parameter.named_variables();
            row.bytes += variables
                .map(|(_, variable)| variable.numel() * variable.kind().elt_size_in_bytes())
                .sum::<usize>();
            row.random += parameter.num_params();
            row.plain += parameter.num_weights() - parameter.num_params();
            if parameter.is_random() {
                row.priors.push(parameter.prior());
                row.posteriors.push(parameter.posterior());
            }
        }
        row
    }

    /// A layer with weights that have a line already.
    pub fn again(name: &str, kind: &str, output: Shape, module: &dyn BayesianModule) -> Row {
        let multiply_adds = module.multiply_adds(output.axes());
        Row { multiply_adds, is_again: true, ..Row::new(name, kind, output) }
    }

    /// A product with the rows of a table that has a line already.
    pub fn tied(name: &str, kind: &str, output: Shape, table: &dyn BayesianModule) -> Row {
        let weights = table.parameters().iter().map(|parameter| parameter.mu().numel()).sum();
        let places = output.axes().split_last().map(|(_, places)| Count::product(places.iter().copied()));
        let multiply_adds = places.map(|places| places.times(&Count::of(weights)));
        Row { multiply_adds, is_again: true, ..Row::new(name, kind, output) }
    }

    /// The same, once for each element along these axes.
    #[must_use]
    pub fn along(mut self, axes: Shape) -> Row {
        let times = Count::product(axes.axes().iter().copied());
        self.multiply_adds = self.multiply_adds.map(|count| count.times(&times));
        self
    }

    /// The same, with the estimator it uses.
    #[must_use]
    pub fn by(mut self, estimator: Estimator) -> Row {
        self.estimator = (self.random > 0).then_some(estimator);
        self
    }
}

/// 61706 as 61,706.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
