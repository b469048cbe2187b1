//! The ops of a chain.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, Ident};

use super::arguments::{Range, Reader};
use super::sizes::{Literal, literal, shown, strip};
use super::{Checker, Place, State};
use crate::dim::{Cond, Dim, Level, Shape, listed, product};
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
            self.row(&row, known, shape.clone(), Counted::Plain(quote!(0)), None);
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
        self.row(&row, shown, shape.clone(), Counted::Plain(quote!(0)), None);
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

    fn reshape(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let private = self.private();
        self.known_arguments(&mut reader, 1, &[]);
        let placed: Option<Expr> = self.placed(&reader).first().map(|(expr, _)| (*expr).clone());
        let Some(Expr::Array(array)) = placed.as_ref().map(strip) else {
            self.errors.at(spot.op, "`reshape` needs a shape in brackets: `reshape([16, 7, 7])`");
            return (quote!(#private::flatten(&x)), Shape::Unknown(None));
        };
        let mut dims = Vec::new();
        let mut free = None;
        for (i, axis) in array.elems.iter().enumerate() {
            if let Literal::Number(-1) = literal(axis) {
                if free.replace(i).is_some() {
                    self.errors.at(axis, "only one axis of `reshape` can be -1, worked out from the others");
                }
                dims.push(Dim::Fixed(1));
            } else if let Some(name) = self.axis_name(axis) {
                let Some(dim) = self.names.get(&name).cloned() else {
                    self.errors
                        .at(axis, format!("the axis `{name}` is not known here: the input has no such axis"));
                    return (quote!(#private::flatten(&x)), Shape::Unknown(None));
                };
                dims.push(dim);
            } else {
                match self.size(axis, "an axis of `reshape`", 1) {
                    Some(dim) => dims.push(dim),
                    None => return (quote!(#private::flatten(&x)), Shape::Unknown(None)),
                }
            }
        }
        self.same_elements(spot, &mut dims, free, array);
        // At most one axis is worked out by libtorch: a dynamic one, whose length the macro can't write.
        let runtime = dims.iter().map(|dim| match dim {
            Dim::Dynamic { base, offset: 0 } if dims.iter().filter(|d| d.is_dynamic()).count() > 1 => {
                quote!(axes.length(#base))
            }
            Dim::Dynamic { .. } => quote!(-1),
            dim => dim.tokens(),
        });
        let code = quote!(#private::reshape(&x, &[#(#runtime),*]));
        (code, Shape::Known(dims))
    }

    /// The elements stay as many as they are; an axis of -1 is what is left for it.
    fn same_elements(&mut self, spot: &Spot, dims: &mut [Dim], free: Option<usize>, at: &syn::ExprArray) {
        let given = match &spot.state.shape {
            Shape::Known(given) => given.clone(),
            Shape::Opaque(c) => {
                let (tokens, level) = (&c.tokens, c.level);
                let elements = Dim::Const(crate::dim::Const {
                    tokens: quote!(#tokens.elements()),
                    text: format!("the elements of {}", c.text),
                    level,
                });
                vec![elements]
            }
            Shape::Unknown(_) => return,
        };
        let (moving, fixed): (Vec<Dim>, Vec<Dim>) = given.into_iter().partition(Dim::is_dynamic);
        let (new_moving, new_fixed): (Vec<Dim>, Vec<Dim>) = dims.iter().cloned().partition(Dim::is_dynamic);
        let one = || Dim::Fixed(1);
        let before = product(&fixed).unwrap_or_else(one);
        let after = product(&new_fixed).unwrap_or_else(one);
        let before = if fixed.is_empty() { one() } else { before };
        let after = if new_fixed.is_empty() { one() } else { after };
        let text = |dims: &[Dim]| {
            let mut texts: Vec<String> = dims.iter().map(Dim::text).collect();
            texts.sort();
            texts.join(" * ")
        };
        if text(&moving) != text(&new_moving) {
            let message = format!(
                "`reshape` keeps the number of elements, but {} gives {} and this is {}",
                spot.state.giver,
                spot.state.shape.text(),
                listed(dims)
            );
            self.errors.at(at, message);
            return;
        }
        if let Some(i) = free {
            let left = crate::dim::computed(
                &[&before, &after],
                |n| match n {
                    &[before, after] if after > 0 && before % after == 0 => Some(before / after),
                    _ => None,
                },
                |t| crate::dim::infix(t, &quote!(/)),
                |t| t.join(" / "),
            );
            if let (Some(b), Some(a), Dim::Const(_)) = (before.fixed(), after.fixed(), &left) {
                self.errors.at(
                    at,
                    format!(
                        "`reshape` keeps the number of elements, but {a} does not divide the {b} of {}",
                        spot.state.giver
                    ),
                );
                return;
            }
            if let Some(dim) = dims.get_mut(i) {
                *dim = left;
            }
            return;
        }
        let say =
            Say::new(format!("`reshape` keeps the number of elements, but {} gives ", spot.state.giver))
                .size(&before)
                .text(format!(" ({}) and this has ", spot.state.shape.text()))
                .size(&after);
        self.require(at, before.equals(&after), say);
    }

    fn permute(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let private = self.private();
        self.known_arguments(&mut reader, 8, &[]);
        let placed: Vec<Expr> = self.placed(&reader).into_iter().map(|(expr, _)| expr.clone()).collect();
        let list: Vec<Expr> = match placed.as_slice() {
            [one] if matches!(strip(one), Expr::Array(_)) => match strip(one) {
                Expr::Array(array) => array.elems.iter().cloned().collect(),
                _ => Vec::new(),
            },
            _ => placed,
        };
        let mut order = Vec::new();
        for axis in &list {
            match literal(axis) {
                Literal::Number(n) if n >= 0 => order.push(n),
                _ => {
                    self.errors.at(axis, "`permute` takes numbers of axes, counted from 0 without the batch");
                    return (quote!(#private::permute(&x, &[])), Shape::Unknown(None));
                }
            }
        }
        let code = quote!(#private::permute(&x, &[#(#order),*]));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        let once = sorted.iter().enumerate().all(|(i, n)| i as i64 == *n) && !order.is_empty();
        let span = reader.span();
        let example = "`permute([1, 0])` swaps two axes";
        if !once {
            self.errors.span(
                span,
                format!("`permute` names each axis once, counted from 0 without the batch; {example}"),
            );
            return (code, Shape::Unknown(None));
        }
        let shape = match &spot.state.shape {
            Shape::Known(dims) if dims.len() != order.len() => {
                self.errors.span(
                    span,
                    format!(
                        "`permute` names {} axes, but {} gives {}",
                        order.len(),
                        spot.state.giver,
                        listed(dims)
                    ),
                );
                Shape::Unknown(None)
            }
            Shape::Known(dims) => {
                Shape::Known(order.iter().filter_map(|n| dims.get(*n as usize).cloned()).collect())
            }
            Shape::Opaque(c) => {
                let tokens = &c.tokens;
                let order: Vec<usize> = order.iter().map(|n| *n as usize).collect();
                let say = Say::new(format!(
                    "`permute` names {} axes, but {} gives ",
                    order.len(),
                    spot.state.giver
                ))
                .shape(&spot.state.shape);
                let cond = Cond::Const {
                    tokens: quote!(#private::permutes(#tokens, &[#(#order),*])),
                    generic: c.level != Level::Item,
                };
                self.require(spot.op, cond, say);
                self.opaque(
                    quote!(#private::permuted(#tokens, &[#(#order),*])),
                    format!("{} permuted", c.text),
                    c.level,
                )
            }
            Shape::Unknown(_) => Shape::Unknown(None),
        };
        (code, shape)
    }
}
