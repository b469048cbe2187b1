//! The checked net: what there is to generate.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Ident, Visibility};

use crate::dim::{Level, Shape};
use crate::say::Say;
use crate::words::Words;

/// A field of the struct: a named step, or a layer of a block.
pub struct Field {
    pub attrs: Vec<Attribute>,
    pub vis: Visibility,
    pub ident: Ident,
    pub ty: TokenStream,
    /// The user's type that is in it, if one is.
    pub of: Option<Typed>,
    /// Whether that is in a list.
    pub is_list: bool,
    /// How many `repeat`s it stands in: each makes a `Vec` of it.
    pub depth: usize,
    /// Where it stands, for telling two of one name apart.
    pub place: Vec<String>,
}

/// A part of the path of a variable.
#[derive(Clone)]
pub enum Part {
    Name(String),
    /// The index of a loop.
    Index(Ident),
}

/// A step of the forward pass.
pub enum Node {
    Layer(Call),
    /// A layer that stands elsewhere too: the same weights.
    Again(Call),
    Op {
        /// What it is called, for those who know it by that.
        name: String,
        /// The step that it stands in.
        step: String,
        /// Its line of the table, if it has one.
        row: Option<usize>,
        code: TokenStream,
    },
    Residual {
        project: Option<Call>,
        body: Vec<Node>,
    },
    Concat {
        branches: Vec<Vec<Node>>,
        shape: TokenStream,
    },
    Loop {
        count: TokenStream,
        index: Ident,
        body: Vec<Node>,
    },
    Unrolled {
        bodies: Vec<Vec<Node>>,
    },
    /// Steps on every element of the first axis.
    Each(Vec<Node>),
    /// Steps whose named values are their own.
    Block(Vec<Node>),
    /// Names what flows.
    Let(Ident),
    /// Goes on from what has a name.
    From(Ident),
}

/// One layer in its place.
pub struct Call {
    /// Which field.
    pub field: usize,
    pub path: Vec<Part>,
    /// Makes the layer: an expression of type `Result<Layer>` over `path`.
    pub make: Make,
    pub run: Run,
    /// Its name in errors.
    pub name: String,
    /// Which of a `Vec` of layers: one index for each `repeat` around it.
    pub index: Vec<TokenStream>,
}

/// How a layer is made at its path.
#[derive(Clone)]
pub enum Make {
    /// `function(path, arguments..)`
    Function { function: TokenStream, arguments: TokenStream },
    /// `Net::make(path, defaults, arguments)`
    Net(Nested),
    /// The same so many times; in a `Vec` where only the net's arguments say how many.
    Nets { net: Nested, count: Option<TokenStream> },
    /// `Module::new(path, arguments..)`
    Module { function: TokenStream, arguments: TokenStream },
    /// The same so many times, in a `Vec`.
    Modules { function: TokenStream, arguments: TokenStream, count: TokenStream },
    /// Nothing is known of it.
    Broken,
}

/// A type of the user's that stands in the net: written once, in an alias, so that a mistake in it is told once.
#[derive(Clone)]
pub struct Inner {
    /// As the user has it.
    pub written: TokenStream,
    /// The alias, and the constant of what is asked of it.
    pub alias: Ident,
    pub table: Ident,
    /// Whether const or type parameters are in it.
    pub generic: bool,
    /// Whether it must be a net, rather than any module.
    pub net: bool,
}

/// How code mentions a type of the user's.
#[derive(Clone)]
pub struct Typed {
    pub ty: TokenStream,
    /// The library's table of what it can do.
    pub table: TokenStream,
}

/// A net in the net.
#[derive(Clone)]
pub struct Nested {
    pub of: Typed,
    /// What it inherits.
    pub defaults: TokenStream,
    /// The variable of what it is made with, if it takes anything.
    pub arguments: Option<Ident>,
}

/// How a layer is run.
#[derive(Clone)]
pub enum Run {
    /// `layer.try_forward(&x)`
    Forward,
    /// `layer.try_forward_t(&x, .., train)`
    ForwardT(TokenStream),
    /// `layer.try_forward(&x, ..)`
    With(TokenStream),
    /// `recurrent.try_states(&x, &[..], train)`: what it starts from, and the names of its output and states, if they have any.
    States { given: Vec<Ident>, outputs: Vec<Ident>, count: usize },
    /// `embedding.try_tied(&x)`
    Tied,
    /// A layer of tch's.
    Plain,
    /// `(table.forward)(&layer, &x, train)`
    Net(Typed),
    /// A net of several inputs or outputs: what it takes by name, and what its outputs are called.
    Ports { of: Typed, inputs: Vec<(String, Ident)>, outputs: Vec<Ident> },
    /// The same for each.
    Nets(Typed),
    /// The next for each of several.
    Modules { of: Typed, shape: TokenStream },
    /// `ModuleT::forward_t(&layer, &x, train)`, whose output must be of the shape.
    Module { of: Typed, shape: TokenStream },
}

impl Run {
    /// The user's type that is run.
    pub fn typed(&self) -> Option<&Typed> {
        match self {
            Run::Net(of)
            | Run::Nets(of)
            | Run::Ports { of, .. }
            | Run::Module { of, .. }
            | Run::Modules { of, .. } => Some(of),
            _ => None,
        }
    }

    /// Whether its field is a list of that type.
    pub fn is_list(&self) -> bool {
        matches!(self, Run::Nets(_) | Run::Modules { .. })
    }
}

/// A line of the table.
pub struct Row {
    pub name: String,
    /// A text.
    pub kind: TokenStream,
    pub output: Shape,
    /// The axis that each `each` around it goes along.
    pub along: Vec<Shape>,
    pub of: Counted,
    /// Whether it has an estimator.
    pub estimator: bool,
}

/// Where a line's number of parameters comes from.
pub enum Counted {
    Field(usize),
    /// A net or a module of the user's.
    Module(usize, Typed),
    /// The same with the same weights once more, which are counted already.
    Again(usize, Option<Typed>),
    /// An output layer of the weights of an `Embedding`.
    Tied(usize),
    /// An op, which has none.
    Nothing,
}

/// What only the compiler can decide, or whoever makes the net.
pub struct Requirement {
    pub span: Span,
    /// What it presupposes: where that does not hold, it is not asked.
    pub given: Vec<TokenStream>,
    pub holds: TokenStream,
    pub level: Level,
    /// The step that asks for it, for errors at run time.
    pub step: String,
    pub say: Say,
}

/// A shape that only the compiler knows.
#[derive(Clone)]
pub struct ShapeConst {
    pub name: Ident,
    pub tokens: TokenStream,
    /// Whether const or type parameters are in it.
    pub generic: bool,
}

/// Whether a step fits, for what comes behind it.
#[derive(Clone)]
pub struct SoundConst {
    pub name: Ident,
    pub tokens: TokenStream,
    /// Whether const or type parameters are in it.
    pub generic: bool,
}

/// What is known when the net is made: a shape, a nested net's arguments. A function of the net's own arguments gives it.
#[derive(Clone)]
pub struct Made {
    pub name: Ident,
    pub ty: TokenStream,
    pub tokens: TokenStream,
}

/// A net in the net whose own checks are to hold.
pub struct Checked {
    pub of: Typed,
    /// Its step, and its arguments if it has any.
    pub arguments: Option<(String, TokenStream)>,
}

/// A net whose literals fit.
#[derive(Default)]
pub struct Model {
    /// What an editor may complete.
    pub words: Words,
    pub fields: Vec<Field>,
    pub nodes: Vec<Node>,
    pub rows: Vec<Row>,
    pub requirements: Vec<Requirement>,
    /// Priors and posteriors with an argument of the net in them, and the steps that they are of: each is to be one.
    pub families: Vec<(String, TokenStream)>,
    /// Size expressions, each to be an integer, and when they are known.
    pub sizes: Vec<(TokenStream, Level)>,
    /// Shapes behind nets that stand in this one, each from the ones before.
    pub shapes: Vec<ShapeConst>,
    /// Whether the steps fit that made them.
    pub sounds: Vec<SoundConst>,
    /// What is known when the net is made, each from the ones before.
    pub made: Vec<Made>,
    /// Types of the user's that stand in this one.
    pub inner: Vec<Inner>,
    /// Type parameters that stand in it without being said to be nets.
    pub unbound: Vec<Ident>,
    /// Parameters that stand in it as sizes without being numbers, or whole ones.
    pub numbers: Vec<Ident>,
    /// Nets that stand in this one: their own checks come with it.
    pub nets: Vec<Checked>,
    /// The net's own defaults, put on what it inherits.
    pub defaults: TokenStream,
    /// Whether axes are named, or a function's shape is to be checked while running.
    pub needs_axes: bool,
    /// Whether what goes in and out has no batch axis: one graph, say.
    pub unbatched: bool,
    /// Whether it takes the examples together: where a function of the user's stands in it, of which nothing is known, or elements of
    /// examples go one by one.
    pub together: bool,
    /// Fields that are asked whether they treat each example by itself, and the type of each.
    pub asked: Vec<(usize, Option<Typed>)>,
    /// Inputs and outputs: the values' names and shapes.
    pub inputs: Vec<(Option<Ident>, Shape)>,
    pub outputs: Vec<(Option<Ident>, Shape)>,
}
