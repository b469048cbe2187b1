//! The ops of a chain.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, Ident};

use super::arguments::Reader;
use super::layers::Site;
use super::meant::Meant;
use super::numbers::Range;
use super::sizes::{Literal, literal, strip};
use super::{Checker, Place, State};
use crate::dim::{Cond, Dim, Shape, product};
use crate::model::{Counted, Node};
use crate::parse::{Op, OpKind};
use crate::say::Say;
use crate::spans::{called, span_of_first};
use crate::text::shown;

/// What checks an op and says what it comes to.
type Check = fn(&mut Checker<'_>, &Spot<'_>, Reader) -> Found;

/// An op of the library's: a new one is a row.
pub struct OpRow {
    pub name: &'static str,
    check: Check,
    /// Whether it only lays elements out: tokens stay tokens.
    layout: bool,
}

const fn row(name: &'static str, check: Check) -> OpRow {
    OpRow { name, check, layout: false }
}

const fn layout(name: &'static str, check: Check) -> OpRow {
    OpRow { name, check, layout: true }
}

/// The library's ops.
pub const OPS: &[OpRow] = &[
    row("relu", |c, spot, reader| c.elementwise(spot, reader)),
    row("leaky_relu", |c, spot, reader| c.parametric(spot, reader, "slope", Range::NonNegative, 0.01)),
    row("gelu", |c, spot, reader| c.elementwise(spot, reader)),
    row("gelu_tanh", |c, spot, reader| c.elementwise(spot, reader)),
    row("elu", |c, spot, reader| c.parametric(spot, reader, "alpha", Range::Positive, 1.0)),
    row("relu6", |c, spot, reader| c.elementwise(spot, reader)),
    row("silu", |c, spot, reader| c.elementwise(spot, reader)),
    row("tanh", |c, spot, reader| c.elementwise(spot, reader)),
    row("sigmoid", |c, spot, reader| c.elementwise(spot, reader)),
    row("softplus", |c, spot, reader| c.elementwise(spot, reader)),
    row("glu", |c, spot, reader| c.gated(spot, reader)),
    row("geglu", |c, spot, reader| c.gated(spot, reader)),
    row("swiglu", |c, spot, reader| c.gated(spot, reader)),
    row("softmax", |c, spot, reader| c.along_an_axis(spot, reader)),
    row("log_softmax", |c, spot, reader| c.along_an_axis(spot, reader)),
    row("max_pool", |c, spot, reader| c.pool(spot, reader)),
    row("avg_pool", |c, spot, reader| c.pool(spot, reader)),
    row("adaptive_avg_pool", |c, spot, reader| c.adaptive_pool(spot, reader)),
    row("global_avg_pool", |c, spot, reader| c.global_pool(spot, reader)),
    row("upsample", |c, spot, reader| c.upsample(spot, reader)),
    row("pad", |c, spot, reader| c.pad(spot, reader)),
    row("crop", |c, spot, reader| c.pad(spot, reader)),
    row("pixel_shuffle", |c, spot, reader| c.pixel_shuffle(spot, reader)),
    layout("flatten", |c, spot, reader| c.flatten(spot, reader)),
    layout("reshape", |c, spot, reader| c.reshape(spot, reader)),
    layout("permute", |c, spot, reader| c.permute(spot, reader)),
    row("dropout", |c, spot, reader| c.dropout(spot, reader)),
    layout("last", |c, spot, reader| c.reduction(spot, reader)),
    layout("first", |c, spot, reader| c.reduction(spot, reader)),
    row("mean", |c, spot, reader| c.masked_reduction(spot, reader)),
    row("sum", |c, spot, reader| c.masked_reduction(spot, reader)),
    row("max", |c, spot, reader| c.masked_reduction(spot, reader)),
    row("add", |c, spot, reader| c.with_a_value(spot, reader)),
    row("multiply", |c, spot, reader| c.with_a_value(spot, reader)),
    layout("concat", |c, spot, reader| c.concat_values(spot, reader)),
    layout("identity", |c, spot, reader| c.identity(spot, reader)),
];

/// Their names.
pub fn op_names() -> Vec<&'static str> {
    OPS.iter().map(|op| op.name).collect()
}

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
        starts: bool,
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
                self.mentions(&function);
                return self.function(op, "closure", &function, who, named, state, place);
            }
            OpKind::Named(path, args) => (path, args),
        };
        let Some(ident) = path.get_ident() else {
            if let Some(args) = args {
                let last = path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
                let message = match path.segments.first() {
                    Some(first) if super::layers::layer_names().contains(&last.as_str()) => {
                        let name = if first.ident == "nn" || path.segments.len() > 2 {
                            "name".to_owned()
                        } else {
                            first.ident.to_string()
                        };
                        format!(
                            "`{last}` is a layer, and between a step's name and its layer stands one colon: `{name}: {last}(..)`"
                        )
                    }
                    _ => format!(
                        "a function takes the tensor alone; write a closure: `(|x| {}(x, ..))`",
                        shown(path)
                    ),
                };
                self.errors.span(args.span, message);
                return (None, self.after(state, Shape::Unknown(None), who, &last, named));
            }
            return self.function(op, &shown(path), &path.to_token_stream(), who, named, state, place);
        };
        let name = ident.to_string();
        if args.is_none()
            && op.shape.is_none()
            && let Some(found) = self.named(ident, starts, &state, place)
        {
            return found;
        }
        if let Some(args) = args
            && op.shape.is_none()
            && let Some(found) = self.again_on(ident, args, &state, place)
        {
            return found;
        }
        let known = match self.meant(ident, args.as_ref(), starts) {
            Meant::Op(known) => known,
            Meant::Function => {
                return self.function(op, &name, &path.to_token_stream(), who, named, state, place);
            }
            Meant::Nothing => return (None, self.after(state, Shape::Unknown(None), who, &name, named)),
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
        let Some(row) = OPS.iter().find(|op| op.name == known) else {
            return (None, spot.state);
        };
        let (code, shape) = (row.check)(self, &spot, reader);
        let layer = place.names.join(".");
        let changes = !spot.state.shape.is(&shape);
        let mut line = None;
        if changes || !named {
            let name = if named { String::new() } else { layer.clone() };
            let row = Place { names: vec![name], ..place.clone() };
            line = self.row(&row, known, shape.clone(), Counted::Nothing, false);
        }
        let code = quote!(__private::at(#layer, #code)?);
        let node = Node::Op { name: known.to_owned(), step: layer, row: line, code };
        let real = spot.state.real || !row.layout;
        (Some(node), State { real, ..self.after(spot.state, shape, who, known, named) })
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
        let layer = place.names.join(".");
        let (shape, said) = match &op.shape {
            None => (state.shape.clone(), quote!(::core::option::Option::None)),
            Some(shape) => {
                let declared = self.declared_shape(shape, "an axis");
                let names: Vec<Dim> = shape
                    .axes
                    .iter()
                    .zip(declared.dims().unwrap_or_default())
                    .map(|(axis, dim)| match self.axis_of(axis) {
                        Some((name, times, plus)) => Dim::named(&name).scaled(times, plus),
                        None => dim.clone(),
                    })
                    .collect();
                let tokens = self.shape_tokens(&Shape::Known(names));
                (declared, quote!(::core::option::Option::Some(#tokens)))
            }
        };
        self.model.needs_axes = true;
        self.model.together = true;
        let name = if named { String::new() } else { layer.clone() };
        let row = Place { names: vec![name], ..place.clone() };
        let row = self.row(&row, shown, shape.clone(), Counted::Nothing, false);
        let apply = called(
            span_of_first(function),
            quote!(__private::apply),
            quote!(#layer, #function, &__x, #said, &mut __axes),
        );
        let code = quote!(#apply?);
        let node = Node::Op { name: shown.to_owned(), step: layer, row, code };
        (Some(node), State { real: true, ..self.after(state, shape, who, shown, named) })
    }

    /// `#op(&x)`, which keeps the shape.
    fn elementwise(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let op = reader.function();
        self.known_arguments(&mut reader, 0, &[]);
        (quote!(__private::#op(&__x)), spot.state.shape.clone())
    }

    fn identity(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        self.known_arguments(&mut reader, 0, &[]);
        (quote!(::core::result::Result::Ok(__x)), spot.state.shape.clone())
    }

    /// `#op(&x, number)`
    fn parametric(
        &mut self,
        spot: &Spot,
        mut reader: Reader,
        name: &str,
        range: Range,
        default: f64,
    ) -> Found {
        let op = reader.function();
        self.known_arguments(&mut reader, 1, &[name]);
        let number = self.number(&reader, name, range).unwrap_or_else(|| quote!(#default));
        (quote!(__private::#op(&__x, #number)), spot.state.shape.clone())
    }

    fn dropout(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        self.known_arguments(&mut reader, 1, &["p"]);
        if self.placed(&reader).is_empty() && self.named_argument(&reader, "p").is_none() {
            self.errors.at(spot.op, "`dropout` needs its probability: `dropout(0.5)`");
        }
        let p = self.number(&reader, "p", Range::Probability).unwrap_or_else(|| quote!(0.0));
        (quote!(__private::dropout(&__x, #p, __train)), spot.state.shape.clone())
    }

    fn along_an_axis(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let op = reader.function();
        self.known_arguments(&mut reader, 0, &["axis"]);
        let axis = self.axis(spot, &reader);
        (quote!(__private::#op(&__x, #axis)), spot.state.shape.clone())
    }

    fn flatten(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        self.known_arguments(&mut reader, 0, &[]);
        (quote!(__private::flatten(&__x)), self.flattened(spot))
    }

    fn reduction(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let op = reader.function();
        self.known_arguments(&mut reader, 0, &[]);
        (quote!(__private::#op(&__x)), self.without_first(spot))
    }

    /// Over the first axis, of which `mask` says what there is.
    fn masked_reduction(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let op = reader.function();
        let placed = self.placed(&reader).first().map(|(axis, _)| (*axis).clone());
        if let Some(axis) =
            placed.or_else(|| ["axis", "dim"].iter().find_map(|name| self.named_argument(&reader, name)))
        {
            let message = format!(
                "`{op}` takes the first axis away, and no other; `permute` before it puts another one first"
            );
            self.errors.at(axis, message);
            reader = Reader::new(spot.op, None);
        }
        self.known_arguments(&mut reader, 0, &["mask"]);
        let site = Site { who: &spot.who, kind: spot.op, state: &spot.state, deterministic: false };
        let mask = self.mask(&site, &reader, &spot.state);
        (quote!(__private::#op(&__x, #mask)), self.without_first(spot))
    }

    /// The argument by place or by name.
    fn number(&mut self, reader: &Reader, name: &str, range: Range) -> Option<TokenStream> {
        let placed: Option<Expr> = self.placed(reader).first().map(|(expr, _)| (*expr).clone());
        let expr = placed.or_else(|| self.named_argument(reader, name))?;
        self.real(&expr, &format!("`{name}` of `{}`", reader.kind), range)
    }

    pub fn axis(&mut self, spot: &Spot, reader: &Reader) -> i64 {
        let Some(expr) = self.named_argument(reader, "axis") else { return -1 };
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
                    Shape::Known(vec![Dim::named(&factors.join(" * "))])
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
                let cond = Cond::Const(quote!(#tokens.rank() > 0));
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
