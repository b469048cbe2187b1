//! The ops of a chain.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, Ident};

use super::arguments::{Range, Reader};
use super::sizes::{Literal, literal, shown, strip};
use super::{Checker, Place, State};
use crate::dim::{Cond, Dim, Level, Shape, product};
use crate::model::{Counted, Node};
use crate::names;
use crate::parse::{Op, OpKind};
use crate::say::Say;

/// The library's ops.
pub const OPS: [&str; 21] = [
    "relu",
    "leaky_relu",
    "gelu",
    "elu",
    "silu",
    "tanh",
    "sigmoid",
    "softplus",
    "softmax",
    "log_softmax",
    "max_pool",
    "avg_pool",
    "adaptive_avg_pool",
    "global_avg_pool",
    "flatten",
    "reshape",
    "permute",
    "dropout",
    "last",
    "mean",
    "identity",
];

/// Where an op stands.
pub struct Spot<'s> {
    pub op: &'s Ident,
    /// `` `max_pool` of `conv1` ``
    pub who: String,
    pub state: State,
}

/// What an op comes to: its code over `x`, and the shape behind it.
pub type Found = (TokenStream, Shape);

impl Checker<'_> {
    pub fn op(
        &mut self,
        op: &Op,
        who: &str,
        named: bool,
        state: State,
        place: &Place,
    ) -> (Option<Node>, State) {
        let (path, args) = match &op.kind {
            OpKind::Closure(closure) => {
                if !matches!(strip(&closure.expr), Expr::Closure(_) | Expr::Path(_) | Expr::Block(_)) {
                    self.errors
                        .at(closure, format!("expected a closure, `(|x| ..)`, got `{}`", shown(closure)));
                    return (None, self.after(state, Shape::Unknown(None), who, "a closure", named));
                }
                let function = strip(&closure.expr).to_token_stream();
                return self.function(op, "closure", &function, who, named, state, place);
            }
            OpKind::Named(path, args) => (path, args),
        };
        let Some(ident) = path.get_ident() else {
            if let Some(args) = args {
                let message = format!(
                    "a function takes the tensor alone; write a closure: `(|x| {}(x, ..))`",
                    shown(path)
                );
                self.errors.span(args.span, message);
            }
            return self.function(op, &shown(path), &path.to_token_stream(), who, named, state, place);
        };
        let name = ident.to_string();
        let known = if OPS.contains(&name.as_str()) {
            name.as_str()
        } else if name.chars().next().is_some_and(char::is_uppercase) {
            let message = if super::layers::LAYERS.contains(&name.as_str()) {
                format!("`{name}` is a layer and has a step of its own: `name: {name}(..),`")
            } else {
                format!("unknown op `{name}`; a layer or net has a step of its own: `name: {name},`")
            };
            self.errors.at(ident, message);
            return (None, self.after(state, Shape::Unknown(None), who, &name, named));
        } else if let Some(near) = names::nearest(&name, &OPS) {
            self.errors.at(
                ident,
                format!("unknown op `{name}`; did you mean `{near}`? a function of your own is written as a path: `self::{name}`"),
            );
            near
        } else if args.is_some() {
            let message = format!(
                "unknown op `{name}`; known are {}; for a function of your own write a closure: `(|x| {name}(x, ..))`",
                names::listed(&OPS[..20])
            );
            self.errors.at(ident, message);
            return (None, self.after(state, Shape::Unknown(None), who, &name, named));
        } else {
            return self.function(op, &name, &path.to_token_stream(), who, named, state, place);
        };
        if let Some(shape) = &op.shape {
            self.errors.at(
                super::axes::declared_span(shape),
                format!("the shape behind `{known}` is known; `: [..]` is for functions of your own"),
            );
        }
        let spot = Spot {
            op: ident,
            who: if named { format!("`{known}` of `{who}`") } else { format!("`{known}`") },
            state,
        };
        let mut reader = Reader::new(ident, args.as_ref());
        reader.kind = known.to_owned();
        let (code, shape) = self.known_op(&spot, known, reader);
        let private = self.private();
        let layer = place.names.join(".");
        let changes = !spot.state.shape.is(&shape);
        if changes || !named {
            let name = if named { String::new() } else { layer.clone() };
            let row = Place { names: vec![name], ..place.clone() };
            self.row(&row, known, shape.clone(), Counted::Nothing, None);
        }
        let node = Node::Op(quote!(#private::at(#layer, #code)?));
        (Some(node), self.after(spot.state, shape, who, known, named))
    }

    /// Who gives the shape now: an op that keeps it leaves the credit with the layer.
    fn after(&self, state: State, shape: Shape, who: &str, op: &str, named: bool) -> State {
        if state.shape.is(&shape) {
            return State { shape, ..state };
        }
        let giver = if named { format!("`{op}` of `{who}`") } else { format!("`{op}`") };
        State { shape, giver, real: state.real }
    }

    /// A function or closure of the user's: keeps the shape unless he says otherwise.
    #[allow(clippy::too_many_arguments)]
    fn function(
        &mut self,
        op: &Op,
        shown: &str,
        function: &TokenStream,
        who: &str,
        named: bool,
        state: State,
        place: &Place,
    ) -> (Option<Node>, State) {
        let private = self.private();
        let layer = place.names.join(".");
        let (shape, said) = match &op.shape {
            None => (state.shape.clone(), quote!(::core::option::Option::None)),
            Some(shape) => {
                let declared = self.declared_shape(shape, "an axis");
                let names: Vec<Dim> = shape
                    .axes
                    .iter()
                    .zip(declared.dims().unwrap_or_default())
                    .map(|(axis, dim)| {
                        self.axis_name(axis).map_or_else(|| dim.clone(), |name| Dim::named(&name))
                    })
                    .collect();
                let tokens = self.shape_tokens(&Shape::Known(names));
                (declared, quote!(::core::option::Option::Some(#tokens)))
            }
        };
        self.model.needs_axes = true;
        let name = if named { String::new() } else { layer.clone() };
        let row = Place { names: vec![name], ..place.clone() };
        self.row(&row, shown, shape.clone(), Counted::Nothing, None);
        let code = quote!(#private::apply(#layer, #function, &x, #said, &mut axes)?);
        (Some(Node::Op(code)), State { real: true, ..self.after(state, shape, who, shown, named) })
    }

    fn known_op(&mut self, spot: &Spot, name: &str, mut reader: Reader) -> Found {
        let private = self.private();
        let op = Ident::new(name, spot.op.span());
        let shape = spot.state.shape.clone();
        match name {
            "relu" | "gelu" | "silu" | "tanh" | "sigmoid" | "softplus" => {
                self.known_arguments(&mut reader, 0, &[]);
                (quote!(#private::#op(&x)), shape)
            }
            "identity" => {
                self.known_arguments(&mut reader, 0, &[]);
                (quote!(::core::result::Result::Ok(x)), shape)
            }
            "leaky_relu" => {
                self.known_arguments(&mut reader, 1, &["slope"]);
                let slope = self.number(&reader, "slope", Range::NonNegative).unwrap_or_else(|| quote!(0.01));
                (quote!(#private::leaky_relu(&x, #slope)), shape)
            }
            "elu" => {
                self.known_arguments(&mut reader, 1, &["alpha"]);
                let alpha = self.number(&reader, "alpha", Range::Positive).unwrap_or_else(|| quote!(1.0));
                (quote!(#private::elu(&x, #alpha)), shape)
            }
            "dropout" => {
                self.known_arguments(&mut reader, 1, &["p"]);
                if self.placed(&reader).is_empty() && self.named(&reader, "p").is_none() {
                    self.errors.at(spot.op, "`dropout` needs its probability: `dropout(0.5)`");
                }
                let p = self.number(&reader, "p", Range::Probability).unwrap_or_else(|| quote!(0.0));
                (quote!(#private::dropout(&x, #p, train)), shape)
            }
            "softmax" | "log_softmax" => {
                self.known_arguments(&mut reader, 0, &["axis"]);
                let axis = self.axis(spot, &reader);
                (quote!(#private::#op(&x, #axis)), shape)
            }
            "max_pool" | "avg_pool" => self.pool(spot, &op, reader),
            "adaptive_avg_pool" => self.adaptive_pool(spot, reader),
            "global_avg_pool" => self.global_pool(spot, reader),
            "flatten" => {
                self.known_arguments(&mut reader, 0, &[]);
                (quote!(#private::flatten(&x)), self.flattened(spot))
            }
            "last" | "mean" => {
                self.known_arguments(&mut reader, 0, &[]);
                (quote!(#private::#op(&x)), self.without_first(spot))
            }
            "reshape" => self.reshape(spot, reader),
            _ => self.permute(spot, reader),
        }
    }

    /// The argument by place or by name.
    fn number(&mut self, reader: &Reader, name: &str, range: Range) -> Option<TokenStream> {
        let placed: Option<Expr> = self.placed(reader).first().map(|(expr, _)| (*expr).clone());
        let expr = placed.or_else(|| self.named(reader, name))?;
        self.real(&expr, &format!("`{name}` of `{}`", reader.kind), range)
    }

    fn axis(&mut self, spot: &Spot, reader: &Reader) -> i64 {
        let Some(expr) = self.named(reader, "axis") else { return -1 };
        let rank = spot.state.shape.dims().map(<[Dim]>::len);
        match literal(&expr) {
            Literal::Number(n) if n >= 0 && rank.is_none_or(|rank| (n as usize) < rank) => n,
            Literal::Number(n) => {
                let shape = spot.state.shape.text();
                self.errors.at(
                    &expr,
                    format!(
                        "{} has the axis {n}, but {} gives {shape}; axes count from 0, without the batch",
                        spot.who, spot.state.giver
                    ),
                );
                -1
            }
            _ => {
                self.errors.at(&expr, "an axis is written as a number, counted from 0 without the batch");
                -1
            }
        }
    }

    fn flattened(&mut self, spot: &Spot) -> Shape {
        let private = self.private();
        match &spot.state.shape {
            Shape::Known(dims) if dims.is_empty() => Shape::Known(vec![Dim::Fixed(1)]),
            Shape::Known(dims) => match product(dims) {
                Some(dim) => Shape::Known(vec![dim]),
                None => {
                    let factors: Vec<String> = dims.iter().map(Dim::text).collect();
                    Shape::Known(vec![Dim::Dynamic { base: factors.join(" * "), offset: 0 }])
                }
            },
            Shape::Opaque(c) => {
                let tokens = &c.tokens;
                self.opaque(quote!(#private::flattened(#tokens)), format!("{} in one axis", c.text), c.level)
            }
            Shape::Unknown(_) => Shape::Unknown(None),
        }
    }

    fn without_first(&mut self, spot: &Spot) -> Shape {
        let private = self.private();
        match &spot.state.shape {
            Shape::Known(dims) if dims.is_empty() => {
                self.errors.at(
                    spot.op,
                    format!("{} takes the first axis away, but {} gives []", spot.who, spot.state.giver),
                );
                Shape::Unknown(None)
            }
            Shape::Known(dims) => Shape::Known(dims.iter().skip(1).cloned().collect()),
            Shape::Opaque(c) => {
                let tokens = &c.tokens;
                let say = Say::new(format!(
                    "{} takes the first axis away, but {} gives []",
                    spot.who, spot.state.giver
                ));
                let cond =
                    Cond::Const { tokens: quote!(#tokens.rank() > 0), generic: c.level != Level::Item };
                self.require(spot.op, cond, say);
                self.opaque(
                    quote!(#private::without_first(#tokens)),
                    format!("{} without its first axis", c.text),
                    c.level,
                )
            }
            Shape::Unknown(last) => Shape::Unknown(last.clone()),
        }
    }
}
