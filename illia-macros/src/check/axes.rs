//! Shapes that the user writes: sizes and named axes.

use quote::{format_ident, quote};
use syn::{Expr, Ident};

use super::sizes::ident_of;
use super::{Checker, State};
use crate::dim::{Cond, Const, Dim, Level, Shape, infix};
use crate::model::{Made, ShapeConst};
use crate::parse;
use crate::say::Say;
use crate::text::{shown, unraw};

impl Checker<'_> {
    /// The signature's input: its names are new.
    pub fn input_shape(&mut self, shape: &parse::Shape) -> Shape {
        if shape.axes.len() > illia_shape::MAX_RANK {
            self.errors.at(&shape.axes, format!("a shape has at most {} axes", illia_shape::MAX_RANK));
        }
        let mut dims = Vec::new();
        for axis in &shape.axes {
            match self.axis_of(axis) {
                Some((name, times, plus)) => {
                    if name == "batch" {
                        self.errors.at(axis, "the batch is left out of a shape: remove `batch`, or call the axis something else");
                        return Shape::Unknown(None);
                    }
                    let dim = Dim::named(&name);
                    dims.push(dim.scaled(times, plus));
                    self.names.insert(name, dim);
                    self.model.needs_axes = true;
                }
                None if self.is_open(axis) => {
                    let message = format!(
                        "an axis known only at run time is one name, with literal numbers around it at most, `h * 4 - 2`, got `{}`",
                        shown(axis)
                    );
                    self.errors.at(axis, message);
                    return Shape::Unknown(None);
                }
                None => match self.size(axis, "an axis of the input", 1) {
                    Some(dim) => dims.push(dim),
                    None => return Shape::Unknown(None),
                },
            }
        }
        Shape::Known(dims)
    }

    /// Whether lower-case names stand in it that are nothing but axes.
    fn is_open(&self, axis: &Expr) -> bool {
        match super::sizes::strip(axis) {
            Expr::Binary(binary) => self.is_open(&binary.left) || self.is_open(&binary.right),
            axis => self.axis_name(axis).is_some(),
        }
    }

    /// The lower-case name that stands for an axis known only at run time.
    pub fn axis_name(&self, axis: &Expr) -> Option<String> {
        let name = ident_of(axis)?;
        let plain = name.trim_start_matches("r#").to_owned();
        let lower = plain.chars().next().is_some_and(|c| c.is_lowercase() || c == '_');
        (lower && !self.is_param(&name) && !self.is_argument(&name)).then_some(plain)
    }

    /// Such a name, or an expression of one with literal numbers: `h * 4`, `h * 2 - 1`. The name, how often, and what is added.
    pub fn axis_of(&self, axis: &Expr) -> Option<(String, i64, i64)> {
        if let Some(name) = self.axis_name(axis) {
            return Some((name, 1, 0));
        }
        let Expr::Binary(binary) = super::sizes::strip(axis) else { return None };
        let number = |expr: &Expr| match super::sizes::literal(expr) {
            super::sizes::Literal::Number(n) if (1..=super::sizes::LARGEST).contains(&n) => Some(n),
            _ => None,
        };
        let (left, right) = (&*binary.left, &*binary.right);
        let scaled = |of: &Expr, n: i64| {
            let (name, times, plus) = self.axis_of(of)?;
            Some((name, times.checked_mul(n)?, plus.checked_mul(n)?))
        };
        let longer = |of: &Expr, n: i64| self.axis_of(of).map(|(name, times, plus)| (name, times, plus + n));
        match binary.op {
            syn::BinOp::Mul(_) => match number(right) {
                Some(n) => scaled(left, n),
                None => scaled(right, number(left)?),
            },
            syn::BinOp::Add(_) => match number(right) {
                Some(n) => longer(left, n),
                None => longer(right, number(left)?),
            },
            syn::BinOp::Sub(_) => longer(left, -number(right)?),
            _ => None,
        }
    }

    /// A shape that the user says comes out, given what `names` mean so far. A new name is free.
    pub fn declared_shape(&mut self, shape: &parse::Shape, what: &str) -> Shape {
        let mut dims = Vec::new();
        for axis in &shape.axes {
            match self.axis_of(axis) {
                Some((name, times, plus)) => {
                    self.model.needs_axes = true;
                    let dim = self.names.entry(name.clone()).or_insert_with(|| Dim::named(&name));
                    dims.push(dim.scaled(times, plus));
                }
                None => match self.size(axis, what, 1) {
                    Some(dim) => dims.push(dim),
                    None => return Shape::Unknown(None),
                },
            }
        }
        Shape::Known(dims)
    }

    /// What flows must be of the declared shape; new names take what they stand for. `true` if it may be.
    pub fn matches(&mut self, declared: &parse::Shape, state: &State, who: &str) -> bool {
        match &state.shape {
            Shape::Unknown(_) => true,
            Shape::Opaque(given) => {
                let declared_shape = self.declared_shape(declared, "an axis");
                if declared_shape.is_unknown() {
                    return true;
                }
                let expected = self.shape_tokens(&declared_shape);
                let tokens = &given.tokens;
                let same = quote!(#tokens.same(&#expected));
                let say = Say::new(format!("{who} "))
                    .shape(&declared_shape)
                    .text(format!(", but {} gives ", state.giver));
                self.require(declared_span(declared), Cond::Const(same), say.shape(&state.shape))
            }
            Shape::Known(dims) => self.matches_dims(declared, &dims.clone(), state, who),
        }
    }

    /// Whether a user can write this axis: a size, or a name of the input's.
    fn has_a_name(&self, dim: &Dim) -> bool {
        match dim {
            Dim::Dynamic { base, times: 1, offset: 0, more } => {
                more.is_empty() && self.names.contains_key(base)
            }
            Dim::Dynamic { .. } => false,
            Dim::Fixed(_) | Dim::Const(_) => true,
        }
    }

    fn matches_dims(&mut self, declared: &parse::Shape, dims: &[Dim], state: &State, who: &str) -> bool {
        let output = who.starts_with("the output");
        let mut expected = Vec::new();
        let mut wrong_name = None;
        for (i, axis) in declared.axes.iter().enumerate() {
            match self.axis_name(axis) {
                Some(name) => {
                    let given = dims.get(i).cloned();
                    let known = self.names.get(&name).cloned();
                    let dim = match (known, given) {
                        (Some(known), Some(given)) => {
                            if matches!(known.equals(&given), Cond::Known(false)) {
                                wrong_name = Some((axis.clone(), name, known.clone(), given));
                            }
                            known
                        }
                        (Some(known), None) => known,
                        // What comes out is said, not named anew; only what windows made of an axis has no name yet.
                        (None, Some(given)) if output && self.has_a_name(&given) => {
                            let (is, at) = (given.text(), &state.giver);
                            self.errors.at(
                                axis,
                                format!("no axis of the input is called `{name}`; {at} gives {is} here: write `{is}`"),
                            );
                            return false;
                        }
                        (None, given) => {
                            let dim = given.unwrap_or_else(|| Dim::named(&name));
                            self.names.insert(name, dim.clone());
                            dim
                        }
                    };
                    expected.push(dim);
                }
                None => match self.axis_of(axis) {
                    Some((name, times, plus)) => {
                        let given = dims.get(i).and_then(|given| given.unscaled(times, plus));
                        let base =
                            self.names.get(&name).cloned().or(given).unwrap_or_else(|| Dim::named(&name));
                        expected.push(base.scaled(times, plus));
                        self.names.insert(name, base);
                    }
                    None => match self.size(axis, "an axis", 1) {
                        Some(dim) => expected.push(dim),
                        None => return true,
                    },
                },
            }
        }
        let declared_shape = Shape::Known(expected.clone());
        let say = |declared_shape: &Shape| {
            let say = Say::new(format!("{who} "))
                .shape(declared_shape)
                .text(format!(", but {} gives ", state.giver))
                .shape(&state.shape);
            if output { say.text("; change the last step, or the signature") } else { say }
        };
        if expected.len() != dims.len() {
            let sequence = dims.first().is_some_and(Dim::is_dynamic) && dims.len() == expected.len() + 1;
            let hint = match (output, expected.len(), dims.len()) {
                (true, 1, 3..) => "; is a `flatten` or `global_avg_pool` missing?",
                (true, ..) if sequence => "; `last` or `mean` takes the sequence away",
                (true, wanted, given)
                    if given == wanted + 1 && dims.first().and_then(Dim::fixed) == Some(1) =>
                {
                    "; the batch is left out of a shape"
                }
                _ => "",
            };
            self.errors.at(declared_span(declared), say(&declared_shape).text(hint).plain());
            return false;
        }
        if let Some((axis, name, known, given)) = wrong_name {
            let message = format!(
                "the axis `{name}` is used for two lengths: {} and, from {}, `{}`",
                self.length_in_words(&name, &known),
                state.giver,
                given.text()
            );
            self.errors.at(axis, message);
            return false;
        }
        let mut wrong = None;
        let mut open: Option<(&Expr, Vec<proc_macro2::TokenStream>)> = None;
        for ((axis, want), got) in declared.axes.iter().zip(&expected).zip(dims) {
            match want.equals(got) {
                Cond::Known(true) => {}
                Cond::Known(false) => wrong = wrong.or(Some(axis)),
                Cond::Const(tokens) => {
                    open.get_or_insert((axis, Vec::new())).1.push(tokens);
                }
            }
        }
        if let Some(axis) = wrong {
            self.errors.at(axis, say(&declared_shape).plain());
        } else if let Some((axis, tokens)) = open {
            let cond = Cond::Const(infix(&tokens, &quote!(&&)));
            self.require(axis, cond, say(&declared_shape));
        }
        wrong.is_none()
    }

    fn length_in_words(&self, name: &str, known: &Dim) -> String {
        if known.text() == name { format!("the input's `{name}`") } else { known.text() }
    }

    /// What comes out at last must be the signature's output.
    pub fn output_shape(&mut self, shape: &parse::Shape, state: &State, who: &str) -> Shape {
        self.matches(shape, state, who);
        // As declared: names stay names.
        let mut dims = Vec::new();
        for axis in &shape.axes {
            dims.push(match self.axis_of(axis) {
                Some((name, times, plus)) => Dim::named(&name).scaled(times, plus),
                None => match super::sizes::literal(axis) {
                    super::sizes::Literal::Number(n) => Dim::Fixed(n),
                    super::sizes::Literal::Unknown => self.constant(axis),
                    super::sizes::Literal::Wrong(_) => return Shape::Unknown(None),
                },
            });
        }
        Shape::Known(dims)
    }

    /// A constant `Shape`.
    pub fn shape_tokens(&self, shape: &Shape) -> proc_macro2::TokenStream {
        shape_tokens(&self.illia, shape)
    }

    /// A shape that only the compiler knows, as it is written.
    pub fn written(&self, tokens: proc_macro2::TokenStream, text: String, level: Level) -> Shape {
        let level = if level == Level::Param { Level::Generic } else { level };
        Shape::Opaque(Const { tokens, text, level })
    }

    /// A shape that only the compiler knows, as a constant with a name: what follows refers to it.
    pub fn opaque(&mut self, tokens: proc_macro2::TokenStream, text: String, level: Level) -> Shape {
        // What takes a const parameter is known with it only, whatever the shape that it was made from.
        let level = match self.level(&tokens) {
            Level::Param => level.max(Level::Generic),
            own => level.max(own),
        };
        if level == Level::Made {
            let illia = &self.illia;
            let name = self.made("shape", quote!(#illia::Shape), tokens);
            return self.written(quote!(#name), text, level);
        }
        let generic = level != Level::Item;
        let same = |shape: &&ShapeConst| shape.tokens.to_string() == tokens.to_string();
        let name = match self.model.shapes.iter().find(same) {
            Some(shape) => shape.name.clone(),
            None => {
                let name = format_ident!("__{}_shape{}", unraw(&self.net.ident), self.model.shapes.len());
                self.model.shapes.push(ShapeConst { name: name.clone(), tokens, generic });
                name
            }
        };
        self.written(if generic { quote!(Self::#name) } else { quote!(#name) }, text, level)
    }

    /// What is known when the net is made, as a variable of the functions that need it.
    pub fn made(
        &mut self,
        what: &str,
        ty: proc_macro2::TokenStream,
        tokens: proc_macro2::TokenStream,
    ) -> Ident {
        if let Some(made) = self.model.made.iter().find(|made| made.tokens.to_string() == tokens.to_string())
        {
            return made.name.clone();
        }
        let name = format_ident!("__made_{what}{}", self.model.made.len());
        self.model.made.push(Made { name: name.clone(), ty, tokens });
        name
    }
}

/// The tokens to point at for a whole shape.
pub fn declared_span(shape: &parse::Shape) -> proc_macro2::TokenStream {
    let mut group = proc_macro2::Group::new(proc_macro2::Delimiter::Bracket, quote!());
    group.set_span(shape.bracket.span.join());
    quote!(#group)
}

/// A net's input or output as a constant: what is known only when the net is made goes by its name.
pub fn signature_tokens(illia: &syn::Path, shape: &Shape) -> proc_macro2::TokenStream {
    let Shape::Known(dims) = shape else { return shape_tokens(illia, shape) };
    let named = |dim: &Dim| match dim {
        Dim::Const(c) if c.level == Level::Made => Dim::named(&c.text),
        dim => dim.clone(),
    };
    shape_tokens(illia, &Shape::Known(dims.iter().map(named).collect()))
}

/// A constant `Shape`.
pub fn shape_tokens(illia: &syn::Path, shape: &Shape) -> proc_macro2::TokenStream {
    match shape {
        Shape::Known(dims) => {
            let axes = dims.iter().map(|dim| match dim {
                Dim::Dynamic { base, times: 1, offset: 0, more } if more.is_empty() => {
                    quote!(#illia::Axis::Named(#base))
                }
                Dim::Dynamic { more, .. } if !more.is_empty() => {
                    let text = dim.text();
                    quote!(#illia::Axis::Named(#text))
                }
                Dim::Dynamic { base, times, offset, .. } => {
                    quote!(#illia::Axis::Linear { name: #base, times: #times, plus: #offset })
                }
                dim => {
                    let n = dim.tokens();
                    quote!(#illia::Axis::Fixed(#n))
                }
            });
            quote!(#illia::Shape::new(&[#(#axes),*]))
        }
        Shape::Opaque(c) => c.tokens.clone(),
        Shape::Unknown(_) => quote!(#illia::Shape::new(&[])),
    }
}
