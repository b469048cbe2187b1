//! The checked net: what there is to generate.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Ident, Visibility};

use crate::dim::Shape;
use crate::say::Say;

/// A field of the struct: a named step, or a layer of a block.
pub struct Field {
    pub attrs: Vec<Attribute>,
    pub vis: Visibility,
    pub ident: Ident,
    pub ty: TokenStream,
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
    Op(TokenStream),
    Residual { project: Option<Call>, body: Vec<Node> },
    Concat { branches: Vec<Vec<Node>>, shape: TokenStream },
    Loop { count: TokenStream, index: Ident, body: Vec<Node> },
    Unrolled { bodies: Vec<Vec<Node>> },
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
    /// `Net::try_with(path, posterior)`
    Net { ty: TokenStream, posterior: TokenStream },
    /// The same so many times.
    Nets { ty: TokenStream, posterior: TokenStream },
    /// `Module::new(path, arguments..)`
    Module { function: TokenStream, arguments: TokenStream },
    /// Nothing is known of it.
    Broken,
}

/// How a layer is run.
#[derive(Clone)]
pub enum Run {
    /// `layer.try_forward(&x)`
    Forward,
    /// `layer.try_forward_t(&x, train)`
    ForwardT,
    /// A layer of tch's.
    Plain,
    /// `<Net>::try_forward_t(&layer, &x, train)`
    Net(TokenStream),
    /// The same for each.
    Nets(TokenStream),
    /// `ModuleT::forward_t(&layer, &x, train)`, whose output must be of the shape.
    Module(TokenStream),
}

/// A line of the table.
pub struct Row {
    pub name: String,
    pub kind: String,
    pub output: Shape,
    pub of: Counted,
    pub estimator: Option<TokenStream>,
}

/// Where a line's number of parameters comes from.
pub enum Counted {
    Field(usize),
    /// A net, by the one trait that it must have.
    Net(usize, TokenStream),
    /// An op, which has none.
    Nothing,
}

/// What only the compiler can decide.
pub struct Requirement {
    pub span: Span,
    pub holds: TokenStream,
    pub generic: bool,
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

/// A net whose literals fit.
#[derive(Default)]
pub struct Model {
    pub fields: Vec<Field>,
    pub nodes: Vec<Node>,
    pub rows: Vec<Row>,
    pub requirements: Vec<Requirement>,
    /// Size expressions, each to be an integer, and whether const parameters are in them.
    pub sizes: Vec<(TokenStream, bool)>,
    /// Shapes behind nets that stand in this one, each from the ones before.
    pub shapes: Vec<ShapeConst>,
    /// Nets that stand in this one: their own checks come with it.
    pub nets: Vec<TokenStream>,
    /// Whether axes are named, or a function's shape is to be checked while running.
    pub needs_axes: bool,
}
