//! Named values: what a chain gives, for chains elsewhere.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Expr, Ident};

use super::blocks::shape_level;
use super::layers::LAYERS;
use super::ops::OPS;
use super::sizes::{ident_of, strip, word_of};
use super::{Checker, Place, State};
use crate::dim::{Cond, Dim, Shape, infix};
use crate::model::{Call, Counted, Make, Node, Run};
use crate::names;
use crate::parse::{self, Layer};
use crate::say::Say;
use crate::text::{shown, unraw};

/// A named value.
#[derive(Clone)]
pub struct Value {
    pub name: String,
    pub state: State,
    pub used: bool,
    /// `the value` or `the input`.
    what: &'static str,
    span: Span,
}

/// A step whose layer can be used again.
#[derive(Clone)]
pub struct Known {
    pub name: String,
    pub layer: Layer,
    pub deterministic: bool,
    /// What it was made for.
    pub given: State,
    pub field: usize,
    pub place: Place,
    arguments: String,
}

/// The variable of a named value.
pub fn local(name: &str) -> Ident {
    format_ident!("__value_{name}", span = Span::mixed_site())
}

impl Checker<'_> {
    /// The net's inputs: named ones are values. What flows at first is the only one.
    pub fn inputs(&mut self) -> State {
        let unknown = State { shape: Shape::Unknown(None), giver: "the input".into(), real: false };
        let Some((inputs, _)) = &self.net.signature else { return unknown };
        let mut only = None;
        for (name, shape) in &inputs.list {
            let shape = self.input_shape(shape);
            self.model.inputs.push((name.clone(), shape.clone()));
            let state = State { shape, giver: "the input".into(), real: false };
            only = Some(state.clone());
            if let Some(name) = name {
                let giver = format!("the input `{}`", unraw(name));
                self.name_value(name, State { giver, ..state }, "the input");
            }
        }
        if inputs.list.len() == 1 {
            return only.unwrap_or(unknown);
        }
        self.model.needs_axes = true;
        unknown
    }

    /// What comes out at last, or the values of the outputs' names, must be the signature's.
    pub fn outputs(&mut self, state: &State) {
        let Some((_, outputs)) = &self.net.signature else { return };
        let net = self.net.ident.clone();
        // What is said of an output is of the net itself.
        self.step.clear();
        for (name, shape) in &outputs.list {
            let (state, who) = match name {
                None => (state.clone(), format!("the output of `{net}` is")),
                Some(name) => {
                    let text = unraw(name);
                    let who = format!("the output `{text}` of `{net}` is");
                    match self.use_value(&text) {
                        Some(state) => (state, who),
                        None => {
                            let message = format!(
                                "no value is called `{text}`, as the output is: name it, `let {text} = ..;`"
                            );
                            self.errors.at(name, message);
                            (State { shape: Shape::Unknown(None), giver: String::new(), real: true }, who)
                        }
                    }
                }
            };
            let shape = self.output_shape(shape, &state, &who);
            self.model.outputs.push((name.clone(), shape));
        }
        let named = outputs.list.iter().all(|(name, _)| name.is_some());
        if let (true, Some(last)) = (named, self.net.steps.last())
            && !matches!(last.head, parse::Head::Let(_) | parse::Head::Broken)
            && last.outputs.is_empty()
        {
            self.errors.span(
                last.span,
                "what this step gives is never used: the outputs have names, `let name = ..;`",
            );
        }
    }

    /// Where nothing flows, with several inputs or behind several outputs, a chain begins at a value: whether it does.
    pub fn begins(&self, step: &parse::Step) -> bool {
        let broken = matches!(step.head, parse::Head::Broken);
        let again = match step.ops.first().map(|op| &op.kind) {
            Some(parse::OpKind::Named(path, Some(_))) => {
                path.get_ident().is_some_and(|name| self.known.iter().any(|known| known.name == unraw(name)))
            }
            _ => false,
        };
        let takes_values = match &step.head {
            parse::Head::Ops => again,
            // What a layer of the library's takes by name stands beside what flows.
            parse::Head::Layer(layer) => {
                let library = LAYERS.iter().any(|row| layer.path.is_ident(row.name));
                layer.args.iter().flat_map(|args| &args.list).any(|arg| {
                    let value = arg.value.expr().and_then(ident_of);
                    // By place it is no size: that is said there.
                    value.is_some_and(|value| self.value(&value).is_some())
                        && !(library && arg.name.is_some())
                })
            }
            _ => false,
        };
        self.starts_at_a_value(step) || broken || takes_values
    }

    /// A chain that begins at no value.
    pub fn unbegun(&mut self, step: &parse::Step, value: &str, node: Option<&Node>) {
        let message =
            format!("there are several values here: say with which this chain begins, `{value} -> ..`");
        match node {
            // A net of several inputs says itself that they are forgotten; whether it is one, the compiler knows.
            Some(Node::Layer(Call { run: Run::Net(of), .. })) => {
                let table = &of.table;
                self.require(&step.name, Cond::Const(quote!(#table.inputs.len() != 1)), Say::new(message));
            }
            _ => self.errors.span(step.span, message),
        }
    }

    /// `skip -> ..`
    pub fn starts_at_a_value(&self, step: &parse::Step) -> bool {
        let named = |op: &parse::Op| match &op.kind {
            parse::OpKind::Named(path, None) => {
                path.get_ident().is_some_and(|name| self.value(&unraw(name)).is_some())
            }
            _ => false,
        };
        step.starts && matches!(step.head, parse::Head::Ops) && step.ops.first().is_some_and(named)
    }

    /// Gives what flows a name.
    pub fn name_value(&mut self, name: &Ident, state: State, what: &'static str) {
        let text = unraw(name);
        let ignored = text.starts_with(parse::IGNORED);
        if !self.quiet && !ignored && self.values.iter().any(|value| value.name == text) {
            self.errors.at(name, format!("two values are called `{text}`: give one another name"));
        }
        if self.is_argument(&text) {
            self.errors.at(name, format!("`{text}` is an argument of the net: give the value another name"));
        }
        self.values.push(Value { name: text, state, used: false, what, span: name.span() });
    }

    pub fn value(&self, name: &str) -> Option<&Value> {
        self.values.iter().rev().find(|value| value.name == name)
    }

    /// What has that name, which is used now.
    pub fn use_value(&mut self, name: &str) -> Option<State> {
        let value = self.values.iter_mut().rev().find(|value| value.name == name)?;
        value.used = true;
        Some(value.state.clone())
    }

    /// The end of a block: its values are gone, and each was to be used.
    pub fn unused(&mut self, from: usize) {
        // What follows from another mistake is none of its own.
        let sound = self.errors.is_empty() && !self.quiet;
        for value in self.values.split_off(from.min(self.values.len())) {
            self.gone.push(value.name.clone());
            if !value.used && sound && !value.name.starts_with('_') {
                let message = match value.what {
                    _ if self.in_closures.contains(&value.name) => format!(
                        "the value `{0}` is never used: a closure sees what flows alone; `add({0})`, `multiply({0})` and `concat({0})` join it",
                        value.name
                    ),
                    "the value" => {
                        format!("the value `{0}` is never used; called `_{0}`, it may be so", value.name)
                    }
                    what => format!("{what} `{}` is never used", value.name),
                };
                self.left.push((value.name, value.span, message));
            }
        }
    }

    /// The value that an argument names; `None` after a mistake.
    pub fn value_of(&mut self, expr: &Expr, what: &str) -> Option<(String, State)> {
        let name = ident_of(expr).map(|name| name.trim_start_matches("r#").to_owned());
        if let Some(name) = name
            && let Some(state) = self.use_value(&name)
        {
            return Some((name, state));
        }
        let known: Vec<String> = self.values.iter().map(|value| value.name.clone()).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        if let Some(word) = word_of(expr) {
            self.model.words.add(word, known.iter().copied());
        }
        let said = shown(expr);
        if self.hidden.contains(&said) {
            let message =
                format!("`{said}` stands outside of this `each`, whose steps see one element alone");
            self.errors.at(expr, message);
            return None;
        }
        let number = matches!(strip(expr), Expr::Lit(lit) if !matches!(lit.lit, syn::Lit::Bool(_)));
        let number = number || self.is_argument(&said) || self.is_param(&said);
        let sign = [("`add`", '+'), ("`multiply`", '*')].into_iter().find(|(op, _)| what.contains(op));
        let hint = if let (true, Some((_, sign))) = (number, sign) {
            format!("a number stands in a closure: `(|x| x {sign} {said})`")
        } else if self.known.iter().any(|known| known.name == said) {
            format!("what the step `{said}` gives has a name by `let name = {said}: ..;`")
        } else if self.gone.contains(&said) {
            // That it is not used in its block is the same mistake.
            self.left.retain(|(name, ..)| *name != said);
            format!("the `{said}` of the block before is gone behind it")
        } else if known.is_empty() && ["input", "x", "inputs"].contains(&said.as_str()) {
            format!("an input has a name if its shape has: `struct {}: ({said}: [..]) -> ..`", self.net.ident)
        } else if known.is_empty() {
            "name one before it: `let skip = ..;`".to_owned()
        } else {
            names::suggestion(&said, &known)
        };
        self.errors.at(expr, format!("{what} is a named value, and none is called `{said}`; {hint}"));
        None
    }

    /// A bare name in a chain that is no op of the library's: a named value at its start, or an earlier step. `None` if it is neither.
    pub fn named(
        &mut self,
        name: &Ident,
        starts: bool,
        state: &State,
        place: &Place,
    ) -> Option<(Option<Node>, State)> {
        let text = unraw(name);
        let op = OPS.iter().any(|op| op.name == text);
        let value = starts && self.value(&text).is_some();
        let index = |place: &Place, n: usize| -> Vec<String> {
            place.index.iter().take(n).map(ToString::to_string).collect()
        };
        let step = self.known.iter().rposition(|known| {
            let depth = known.place.index.len();
            known.name == text && index(&known.place, depth) == index(place, depth)
        });
        let other = match (value, step, op) {
            (true, Some(_), _) => Some("a named value and a step"),
            (true, _, true) => Some("a named value and an op"),
            (false, Some(_), true) => Some("a step and an op"),
            _ => None,
        };
        if let Some(other) = other {
            self.errors.at(name, format!("`{text}` is {other}: give one another name"));
        }
        if value {
            let state = self.use_value(&text)?;
            return Some((Some(Node::From(local(&text))), state));
        }
        if op {
            return None;
        }
        let known = self.known.get(step?)?.clone();
        Some(self.again(name, &known, state))
    }

    /// `score(user: u, item: v)`: a net of several inputs once more, on other values.
    pub fn again_on(
        &mut self,
        name: &Ident,
        args: &parse::Args,
        state: &State,
        place: &Place,
    ) -> Option<(Option<Node>, State)> {
        let depth = |known: &Known| known.place.index.len();
        let same = |known: &Known| {
            let of = |place: &Place| {
                place.index.iter().take(depth(known)).map(ToString::to_string).collect::<Vec<_>>()
            };
            of(&known.place) == of(place)
        };
        let mut known = self.known.iter().rfind(|known| known.name == unraw(name) && same(known))?.clone();
        let own = known.layer.args.as_mut()?;
        let taken = |arg: &parse::Arg| {
            arg.value.expr().and_then(ident_of).is_some_and(|value| self.value(&value).is_some())
        };
        if !own.list.iter().any(taken) {
            return None;
        }
        own.list.retain(|arg| !taken(arg));
        own.list.extend(args.list.iter().cloned());
        Some(self.again(name, &known, state))
    }

    /// The same layer once more.
    fn again(&mut self, at: &Ident, known: &Known, state: &State) -> (Option<Node>, State) {
        let mistakes = self.errors.count();
        let requirements = self.model.requirements.len();
        let made = self.layer(&known.name, &known.layer, known.deterministic, state);
        let after = State { shape: made.shape.clone(), giver: format!("`{}`", known.name), real: true };
        if self.errors.count() == mistakes && arguments_of(&made.make) != known.arguments {
            self.model.requirements.truncate(requirements);
            let say = Say::new(format!("`{}` was made for ", known.name))
                .shape(&known.given.shape)
                .text(format!(", but here {} gives ", state.giver))
                .shape(&state.shape)
                .text("; the same layer has the same sizes");
            self.same_shape(at, &known.given.shape, &state.shape, say);
        }
        let alone = made.run.typed().filter(|_| !made.run.is_list() && known.place.index.is_empty()).cloned();
        let of = Counted::Again(known.field, alone);
        self.row(&known.place, made.kind, made.shape, of, false);
        let call = Call {
            field: known.field,
            path: known.place.parts.clone(),
            make: Make::Broken,
            run: made.run,
            name: known.place.names.join("."),
            index: known.place.index.clone(),
        };
        (Some(Node::Again(call)), after)
    }

    /// Lets a step be used again.
    pub fn remember(
        &mut self,
        layer: &Layer,
        deterministic: bool,
        given: &State,
        call: &Call,
        place: &Place,
    ) {
        let Some(name) = place.names.last() else { return };
        self.known.push(Known {
            name: name.clone(),
            layer: layer.clone(),
            deterministic,
            given: given.clone(),
            field: call.field,
            place: place.clone(),
            arguments: arguments_of(&call.make),
        });
    }

    /// Two shapes as they broadcast against each other: aligned at their ends, an axis of 1 is as long as the other's.
    pub fn broadcast(&mut self, at: &Ident, who: &str, given: &State, other: &State) -> Shape {
        let private = self.private();
        let say = Say::new(format!("{who} takes values that broadcast, but {} gives ", given.giver))
            .shape(&given.shape)
            .text(format!(" and {} gives ", other.giver))
            .shape(&other.shape);
        // One number for each channel.
        let say = match (given.shape.dims(), other.shape.dims()) {
            (Some([channels, rest @ ..]), Some([one]))
                if !rest.is_empty() && channels.fixed().is_some() && channels.fixed() == one.fixed() =>
            {
                let shape: Vec<String> =
                    [channels.text()].into_iter().chain(rest.iter().map(|_| "1".to_owned())).collect();
                say.text(format!("; behind a `reshape([{}])` it is one for each channel", shape.join(", ")))
            }
            _ => say,
        };
        match (&given.shape, &other.shape) {
            (Shape::Unknown(_), _) | (_, Shape::Unknown(_)) => Shape::Unknown(None),
            (Shape::Known(a), Shape::Known(b)) => {
                let rank = a.len().max(b.len());
                let (mut dims, mut open) = (Vec::new(), Vec::new());
                for i in 0..rank {
                    let axis = |dims: &[Dim]| {
                        let i = (i + dims.len()).checked_sub(rank)?;
                        dims.get(i).cloned()
                    };
                    let (a, b) = match (axis(a), axis(b)) {
                        (Some(a), Some(b)) => (a, b),
                        (Some(one), None) | (None, Some(one)) => {
                            dims.push(one);
                            continue;
                        }
                        (None, None) => continue,
                    };
                    match (a.fixed(), b.fixed()) {
                        (Some(1), _) => dims.push(b),
                        (_, Some(1)) => dims.push(a),
                        _ => {
                            match a.equals(&b) {
                                Cond::Known(true) => {}
                                Cond::Known(false) => {
                                    self.errors.at(at, say.plain());
                                    return Shape::Unknown(None);
                                }
                                Cond::Const(tokens) => open.push(tokens),
                            }
                            dims.push(a);
                        }
                    }
                }
                if !open.is_empty() {
                    self.require(at, Cond::Const(infix(&open, &quote!(&&))), say);
                }
                Shape::Known(dims)
            }
            (a, b) => {
                let level = shape_level(a).max(shape_level(b));
                let (a, b) = (self.shape_tokens(a), self.shape_tokens(b));
                self.require(at, Cond::Const(quote!(#private::broadcasts(#a, #b))), say);
                self.opaque(quote!(#private::broadcasted(#a, #b)), "the joined values".into(), level)
            }
        }
    }
}

/// What tells two layers of one kind apart.
fn arguments_of(make: &Make) -> String {
    let text = |tokens: &TokenStream| tokens.to_string();
    match make {
        Make::Function { arguments, .. }
        | Make::Module { arguments, .. }
        | Make::Modules { arguments, .. } => text(arguments),
        Make::Net(net) | Make::Nets { net, .. } => text(&net.of.ty),
        Make::Broken => String::new(),
    }
}

impl Run {
    /// What a layer of one tensor needs.
    pub fn with_training() -> Run {
        Run::ForwardT(TokenStream::new())
    }
}
