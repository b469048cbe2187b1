//! Syntax tree -> checked model: shapes are inferred from the input on, and every mistake is reported.

mod arguments;
mod axes;
mod blocks;
mod convolutions;
mod distributions;
mod layers;
mod nested;
mod norms;
mod ops;
mod pools;
mod reshape;
mod sequences;
mod sizes;
mod steps;

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{GenericParam, Path};

use crate::dim::{Cond, Dim, Level, Shape};
use crate::errors::Errors;
use crate::model::{Model, Part, Requirement};
use crate::parse;
use crate::say::{Piece, Say};

pub use axes::shape_tokens;
pub use distributions::Defaults;
pub use sizes::shown;
pub use steps::unraw;

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
    /// `2 × ` in a `repeat 2`, for the table.
    pub times: String,
}

pub struct Checker<'a> {
    pub errors: &'a mut Errors,
    pub model: Model,
    pub net: &'a parse::Net,
    /// The path to the library, `::illia`.
    pub illia: Path,
    pub defaults: Defaults,
    /// What a named axis stands for.
    pub names: HashMap<String, Dim>,
    /// Fields by place and name, for the iterations of a `repeat`.
    pub fields: HashMap<Vec<String>, usize>,
    /// Whether lines of the table are written: not in the second iteration of a `repeat`.
    pub quiet: bool,
    pub loops: usize,
    /// Sizes that are left to the compiler, and what makes them sizes: what follows from one that is none is no mistake of its own.
    pub sound: Vec<(String, TokenStream)>,
}

/// Checks a net.
pub fn check(net: &parse::Net, illia: Path, errors: &mut Errors) -> (Model, Shape, Shape) {
    let mut checker = Checker {
        errors,
        model: Model::default(),
        net,
        illia,
        defaults: Defaults::default(),
        names: HashMap::new(),
        fields: HashMap::new(),
        quiet: false,
        loops: 0,
        sound: Vec::new(),
    };
    checker.generics();
    checker.defaults = checker.defaults_of(&net.defaults);
    let input = match &net.signature {
        Some((input, _)) => checker.input_shape(input),
        None => Shape::Unknown(None),
    };
    let state = State { shape: input.clone(), giver: "the input".into(), real: false };
    let (nodes, state) = checker.steps(&net.steps, state, &Place::default());
    let output = match &net.signature {
        Some((_, output)) => checker.output_shape(output, &state),
        None => Shape::Unknown(None),
    };
    checker.model.nodes = nodes;
    checker.rename_fields();
    (checker.model, input, output)
}

impl Checker<'_> {
    /// `::illia::__private`
    pub fn private(&self) -> TokenStream {
        let illia = &self.illia;
        quote!(#illia::__private)
    }

    /// The rule must hold: decided now if it can be, else by the compiler.
    pub fn require(&mut self, at: impl ToTokens, cond: Cond, say: Say) -> bool {
        match cond {
            Cond::Known(true) => true,
            Cond::Known(false) => {
                self.errors.at(at, say.plain());
                false
            }
            Cond::Const { tokens, generic } => {
                let generic = generic || self.level(&tokens) != Level::Item;
                let span = at.to_token_stream().into_iter().next().map_or_else(Span::call_site, |t| t.span());
                let text = tokens.to_string();
                let before = self.sound.iter().filter(|(size, _)| text.contains(size.as_str()));
                let before: Vec<&TokenStream> = before.map(|(_, sound)| sound).collect();
                let say = if generic { say } else { self.without_parameters(say) };
                let holds = if before.is_empty() { tokens } else { quote!(!(#(#before)&&*) || (#tokens)) };
                self.model.requirements.push(Requirement { span, holds, generic, say });
                true
            }
        }
    }

    /// The sentence with a const parameter's name where its value would stand: what is decided when the net is compiled can't
    /// wait for that.
    fn without_parameters(&self, mut say: Say) -> Say {
        for piece in &mut say.pieces {
            if let Piece::Number(tokens, text) | Piece::Shape(tokens, text) = piece
                && self.level(&*tokens) != Level::Item
            {
                *piece = Piece::Text(std::mem::take(text));
            }
        }
        say
    }

    /// A mistake of the struct's own generics.
    fn generics(&mut self) {
        for param in &self.net.generics.params {
            if let GenericParam::Lifetime(lifetime) = param {
                self.errors.at(lifetime, "a net owns its layers and has no lifetime parameter");
            }
        }
    }
}
