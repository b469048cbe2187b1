//! Syntax tree -> checked model: shapes are inferred from the input on, and every mistake is reported.

mod arguments;
mod axes;
mod blocks;
mod convolutions;
mod distributions;
mod each;
mod gates;
mod graphs;
mod inner;
mod joins;
mod layers;
mod meant;
mod modules;
mod nested;
mod norms;
mod numbers;
mod ops;
mod pools;
mod ports;
mod reshape;
mod resize;
mod sequences;
mod sizes;
mod sound;
mod steps;
mod transformers;
mod transposed;
mod values;

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{GenericParam, Path};

use crate::dim::{Cond, Dim, Level, Shape};
use crate::errors::Errors;
use crate::model::{Model, Part, Requirement};
use crate::parse;
use crate::say::{Piece, Say};
use crate::text::packed;

pub use axes::{shape_tokens, signature_tokens};
pub use values::{Known, Value, local};

/// What flows from step to step.
#[derive(Clone)]
pub struct State {
    pub shape: Shape,
    /// Who gave it: `` `fc1` `` or `the input`.
    pub giver: String,
    /// Whether a layer has made real numbers of it: tokens it is not, then.
    pub real: bool,
}

/// Where steps stand.
#[derive(Clone, Default)]
pub struct Place {
    pub parts: Vec<Part>,
    /// The same for telling fields apart: no iteration in it.
    pub names: Vec<String>,
    /// One index for each `repeat` around.
    pub index: Vec<TokenStream>,
    /// How often each `repeat` around goes, for the table.
    pub times: Vec<Dim>,
    /// The axis that each `each` around goes along, for the table.
    pub along: Vec<Shape>,
}

pub struct Checker<'a> {
    pub errors: &'a mut Errors,
    pub model: Model,
    pub net: &'a parse::Net,
    /// The path to the library, `::illia`.
    pub illia: Path,
    /// What a named axis stands for.
    pub names: HashMap<String, Dim>,
    /// Fields by place and name, for the iterations of a `repeat`.
    pub fields: HashMap<Vec<String>, usize>,
    /// Named values, those of the innermost block last.
    pub values: Vec<Value>,
    /// The names of values whose blocks have ended.
    pub gone: Vec<String>,
    /// Values that nothing has used so far, and what is to be said of them; behind its block one may still be asked for.
    pub left: Vec<(String, Span, String)>,
    /// The names of values that are not of one element, within an `each`.
    pub hidden: Vec<String>,
    /// The names of values that closures mention.
    pub in_closures: Vec<String>,
    /// Steps that can be used again.
    pub known: Vec<Known>,
    /// The step that is looked at, for errors at run time.
    pub step: String,
    /// Whether lines of the table are written: not in the second iteration of a `repeat`.
    pub quiet: bool,
    pub loops: usize,
    /// Sizes that are left to the compiler, and what makes them sizes: what follows from one that is none is no mistake of its own.
    pub sound: Vec<(String, TokenStream)>,
}

/// Checks a net.
pub fn check(net: &parse::Net, illia: Path, errors: &mut Errors) -> Model {
    let mut checker = Checker {
        errors,
        model: Model::default(),
        net,
        illia,
        names: HashMap::new(),
        fields: HashMap::new(),
        values: Vec::new(),
        gone: Vec::new(),
        left: Vec::new(),
        hidden: Vec::new(),
        in_closures: Vec::new(),
        known: Vec::new(),
        step: String::new(),
        quiet: false,
        loops: 0,
        sound: Vec::new(),
    };
    checker.generics();
    checker.arguments();
    checker.model.defaults = checker.defaults_of(&net.defaults);
    let state = checker.inputs();
    let (nodes, state) = checker.steps(&net.steps, state, &Place::default());
    checker.outputs(&state);
    checker.model.nodes = nodes;
    checker.unused(0);
    for (_, span, message) in std::mem::take(&mut checker.left) {
        checker.errors.span(span, message);
    }
    checker.rename_fields();
    checker.model
}

impl Checker<'_> {
    /// `::illia::__private`
    pub fn private(&self) -> TokenStream {
        let illia = &self.illia;
        quote!(#illia::__private)
    }

    /// The rule must hold: decided now if it can be, else by the compiler, else when the net is made.
    pub fn require(&mut self, at: impl ToTokens, cond: Cond, say: Say) -> bool {
        match cond {
            Cond::Known(true) => true,
            Cond::Known(false) => {
                self.errors.at(at, say.plain());
                false
            }
            Cond::Const(tokens) => {
                let level = self.level(&tokens);
                let span = at.to_token_stream().into_iter().next().map_or_else(Span::call_site, |t| t.span());
                let text = packed(&tokens);
                let before = self.conditions_of(&text, level);
                let say = self.known_by(level, say);
                // At run time what comes before is an error before.
                let given = if level == Level::Made { Vec::new() } else { before };
                let step = self.step.clone();
                self.model.requirements.push(Requirement { span, given, holds: tokens, level, step, say });
                true
            }
        }
    }

    /// The sentence with a name where a value would stand that is known only later than the rule is decided.
    fn known_by(&self, level: Level, mut say: Say) -> Say {
        let level = if level == Level::Param { Level::Generic } else { level };
        for piece in &mut say.pieces {
            if let Piece::Number(tokens, text)
            | Piece::Shape(tokens, text)
            | Piece::Real(tokens, text)
            | Piece::Names(tokens, text) = piece
                && self.level(&*tokens) > level
            {
                *piece = Piece::Text(std::mem::take(text));
            }
        }
        say
    }

    /// Arguments of the net have names of their own.
    fn arguments(&mut self) {
        for argument in &self.net.arguments {
            let name = argument.ident.to_string();
            if self.is_param(&name) {
                self.errors.at(&argument.ident, format!("`{name}` is a parameter of the net already"));
            }
        }
    }

    /// Whether it is an argument of the net.
    pub fn is_argument(&self, name: &str) -> bool {
        self.net.arguments.iter().any(|argument| argument.ident == name)
    }

    /// A mistake of the struct's own generics.
    fn generics(&mut self) {
        for param in &self.net.generics.params {
            match param {
                GenericParam::Lifetime(lifetime) => {
                    self.errors.at(lifetime, "a net owns its layers and has no lifetime parameter");
                }
                GenericParam::Const(c) if ["f32", "f64"].contains(&packed(&c.ty).as_str()) => {
                    let (name, ty, net) = (&c.ident, packed(&c.ty), &self.net.ident);
                    let message = format!(
                        "a const parameter is a whole number; this one can be an argument, `struct {net}({}: {ty})`",
                        name.to_string().to_lowercase()
                    );
                    self.errors.at(&c.ty, message);
                    self.model.numbers.push(name.clone());
                }
                _ => {}
            }
        }
    }
}
