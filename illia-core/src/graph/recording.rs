//! Values and the graph that they stand in.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use tch::{Kind, Tensor};

use super::refused;
use super::weight::Weights;
use crate::error::{Error, Result};

/// An operator's setting.
#[derive(Clone, Debug)]
pub(crate) enum Attribute {
    Int(i64),
    Ints(Vec<i64>),
    Float(f64),
    Text(&'static str),
    /// The kind of all real numbers of the graph.
    RealKind,
    /// That of truth values.
    TruthKind,
}

/// One operator over named values.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub op: &'static str,
    /// Names; an empty one where an optional input is left out.
    pub inputs: Vec<Rc<str>>,
    pub outputs: Vec<Rc<str>>,
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// A tensor in the file: one, or one for each draw.
#[derive(Debug)]
pub(crate) struct Constant {
    pub name: Rc<str>,
    pub tensors: Vec<Tensor>,
}

/// An input, and whether it was found to hold tokens (true) or real numbers.
#[derive(Debug)]
pub(crate) struct Input {
    pub name: Rc<str>,
    pub tokens: Option<bool>,
}

/// What has been written so far.
#[derive(Debug)]
pub(crate) struct Recording {
    pub nodes: Vec<Node>,
    pub constants: Vec<Constant>,
    pub inputs: Vec<Input>,
    /// The kind of all real numbers.
    pub kind: Kind,
    pub(super) weights: Weights,
    /// Axes that have a name: of which value, and where.
    pub(super) named_axes: Vec<(Value, i64)>,
    /// What each constant that was asked for by a name is called.
    asked: HashMap<String, Rc<str>>,
    names: HashSet<Rc<str>>,
}

/// A graph that is being written; clones are of the same.
#[derive(Clone, Debug)]
pub(crate) struct Graph(pub Rc<RefCell<Recording>>);

impl Graph {
    pub(crate) fn new(weights: Weights, kind: Kind) -> Graph {
        Graph(Rc::new(RefCell::new(Recording {
            nodes: Vec::new(),
            constants: Vec::new(),
            inputs: Vec::new(),
            kind,
            weights,
            named_axes: Vec::new(),
            asked: HashMap::new(),
            names: HashSet::new(),
        })))
    }

    /// An input of this name and these axes, the batch's first.
    ///
    /// # Errors
    /// [`Error::Unfit`] if something else has this name.
    pub(crate) fn input(&self, name: &str, axes: Vec<Option<i64>>) -> Result<Value> {
        let mut recording = self.0.borrow_mut();
        let name: Rc<str> = name.into();
        if !recording.names.insert(Rc::clone(&name)) {
            return Err(refused(&name, "is the name of two inputs or outputs of the file"));
        }
        let input = recording.inputs.len();
        recording.inputs.push(Input { name: Rc::clone(&name), tokens: None });
        drop(recording);
        Ok(Value { graph: self.clone(), name, variance: None, axes, input: Some(input) })
    }

    /// A name that nothing has yet.
    fn fresh(&self, wish: &str) -> Rc<str> {
        let mut recording = self.0.borrow_mut();
        let mut name: Rc<str> = wish.into();
        let mut count = 1;
        while !recording.names.insert(Rc::clone(&name)) {
            count += 1;
            name = format!("{wish}_{count}").into();
        }
        name
    }

    /// A tensor that goes by a name, which says what is in it: made once.
    pub(super) fn constant(
        &self,
        asked: &str,
        tensors: impl FnOnce() -> Result<Vec<Tensor>>,
    ) -> Result<Rc<str>> {
        if let Some(name) = self.0.borrow().asked.get(asked) {
            return Ok(Rc::clone(name));
        }
        let (tensors, name) = (tensors()?, self.fresh(asked));
        let mut recording = self.0.borrow_mut();
        recording.asked.insert(asked.to_owned(), Rc::clone(&name));
        recording.constants.push(Constant { name: Rc::clone(&name), tensors });
        Ok(name)
    }

    /// Keeps a name for what comes out.
    pub(crate) fn reserve(&self, name: &str) -> Result<()> {
        if self.0.borrow_mut().names.insert(name.into()) {
            return Ok(());
        }
        Err(refused(name, "is the name of two inputs or outputs of the file"))
    }
}

/// What flows through a module that is being written as a graph: a tensor that is known by its name and its axes.
#[derive(Clone, Debug)]
pub struct Value {
    pub(crate) graph: Graph,
    pub(crate) name: Rc<str>,
    /// The name of its variance, where moments are written and it has one.
    pub(super) variance: Option<Rc<str>>,
    /// The batch's first; None where only an input tells.
    pub(super) axes: Vec<Option<i64>>,
    /// Which input it lays out, if nothing else has been done with that.
    input: Option<usize>,
}

impl Value {
    /// The length of each axis, the batch's first; None where only an input tells.
    pub fn axes(&self) -> &[Option<i64>] {
        &self.axes
    }

    /// The number of axes, with the batch's.
    pub fn rank(&self) -> usize {
        self.axes.len()
    }

    /// As macros have it of tensors.
    #[doc(hidden)]
    #[must_use]
    pub fn shallow_clone(&self) -> Value {
        self.clone()
    }

    /// A value of this graph that is no input.
    pub(super) fn of(&self, name: Rc<str>, axes: Vec<Option<i64>>) -> Value {
        Value { graph: self.graph.clone(), name, variance: None, axes, input: None }
    }

    /// The same with other axes.
    pub(super) fn with_axes(mut self, axes: Vec<Option<i64>>) -> Value {
        self.axes = axes;
        self
    }

    /// It lays out what `of` is: tokens stay tokens.
    pub(super) fn laid_out_from(mut self, of: &Value) -> Value {
        self.input = of.input;
        self
    }

    /// The mean alone, or the value itself.
    #[must_use]
    pub(crate) fn mean_part(&self) -> Value {
        Value { variance: None, ..self.clone() }
    }

    /// The variance, as a value; None if it is 0.
    pub(crate) fn variance_part(&self) -> Option<Value> {
        let name = Rc::clone(self.variance.as_ref()?);
        Some(Value { name, variance: None, input: None, ..self.clone() })
    }

    /// The same under another name.
    pub(crate) fn renamed(&self, name: Rc<str>) -> Value {
        Value { name, ..self.clone() }
    }

    /// A mean and, perhaps, its variance.
    pub(crate) fn joined(mean: Value, variance: Option<Value>) -> Value {
        Value { variance: variance.map(|v| v.name), ..mean }
    }

    /// The output of ONNX's operator `op` over `inputs`, of the given axes: what a rule of one's own adds.
    ///
    /// # Errors
    /// [`Error::Unfit`] where an input has a variance, of which such a rule knows nothing.
    pub(crate) fn node(
        op: &'static str,
        inputs: &[&Value],
        attributes: Vec<(&'static str, Attribute)>,
        axes: Vec<Option<i64>>,
    ) -> Result<Value> {
        let given: Vec<Option<&Value>> = inputs.iter().map(|input| Some(*input)).collect();
        let mut outputs = Value::nodes(op, &given, attributes, &[Some(axes)])?;
        outputs.pop().ok_or_else(|| refused(op, "has no output"))
    }

    /// The same with inputs left out (None), and several outputs, of which some may be left out; those that are asked for come back.
    pub(crate) fn nodes(
        op: &'static str,
        inputs: &[Option<&Value>],
        attributes: Vec<(&'static str, Attribute)>,
        outputs: &[Option<Vec<Option<i64>>>],
    ) -> Result<Vec<Value>> {
        let Some(first) = inputs.iter().flatten().next() else {
            return Err(refused(op, "has no input"));
        };
        if inputs.iter().flatten().any(|input| input.variance.is_some()) {
            let problem =
                format!("`{op}` of a random value has no closed form for mean and variance; export draws");
            return Err(refused("Moments", &problem));
        }
        let names: Vec<Rc<str>> = outputs
            .iter()
            .map(|output| match output {
                Some(_) => first.graph.fresh(op),
                None => "".into(),
            })
            .collect();
        let node = Node {
            op,
            inputs: inputs
                .iter()
                .map(|input| input.map_or_else(|| "".into(), |v| Rc::clone(&v.name)))
                .collect(),
            outputs: names.clone(),
            attributes,
        };
        first.graph.0.borrow_mut().nodes.push(node);
        let made =
            names.into_iter().zip(outputs).filter_map(|(name, axes)| Some(first.of(name, axes.clone()?)));
        Ok(made.collect())
    }

    /// Says that it holds tokens (true) or real numbers, if it is an input's.
    pub(crate) fn holds(&self, tokens: bool) -> Result<()> {
        let mut recording = self.graph.0.borrow_mut();
        let Some(input) = self.input.and_then(|input| recording.inputs.get_mut(input)) else { return Ok(()) };
        if input.tokens.is_some_and(|before| before != tokens) {
            let problem = "is taken as tokens in one place and as real numbers in another".to_owned();
            return Err(Error::Unfit { layer: input.name.to_string(), problem });
        }
        input.tokens = Some(tokens);
        Ok(())
    }

    /// The kind of all real numbers of the graph.
    pub(super) fn kind(&self) -> Kind {
        self.graph.0.borrow().kind
    }

    /// Whole numbers as a value: shapes, indices.
    pub(crate) fn integers(&self, numbers: &[i64]) -> Result<Value> {
        let name = self.graph.constant(&format!("{numbers:?}"), || Ok(vec![Tensor::from_slice(numbers)]))?;
        Ok(self.of(name, vec![Some(numbers.len() as i64)]))
    }

    /// One whole number, without axes.
    pub(crate) fn integer(&self, number: i64) -> Result<Value> {
        let name = self.graph.constant(&format!("{number}"), || Ok(vec![Tensor::from(number)]))?;
        Ok(self.of(name, Vec::new()))
    }

    /// One real number, without axes.
    pub(crate) fn number(&self, number: f64) -> Result<Value> {
        let kind = self.kind();
        let name =
            self.graph.constant(&format!("{number:?}r"), || Ok(vec![Tensor::from(number).to_kind(kind)]))?;
        Ok(self.of(name, Vec::new()))
    }

    /// Real numbers that are known, in the kind of the graph, under a name of their own that begins with `wish`.
    pub(crate) fn numbers(&self, wish: &str, tensor: &Tensor) -> Value {
        self.tensor(wish, tensor.detach().to_kind(self.kind()))
    }

    /// A tensor that is known, of whatever kind.
    pub(crate) fn tensor(&self, wish: &str, tensor: Tensor) -> Value {
        let name = self.graph.fresh(wish);
        let axes = tensor.size().into_iter().map(Some).collect();
        self.graph.0.borrow_mut().constants.push(Constant { name: Rc::clone(&name), tensors: vec![tensor] });
        self.of(name, axes)
    }
}
