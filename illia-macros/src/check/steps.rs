//! One step after the other.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Ident, Visibility};

use super::sequences::RECURRENT;
use super::{Checker, Place, State, local};
use crate::dim::{Dim, Shape};
use crate::model::{Call, Counted, Field, Make, Node, Part, Row, Run};
use crate::parse::{Head, IGNORED, Step};
use crate::text::{shown, unraw};

/// What a layer's line of the table calls it: `3 × Block<16>`, the numbers those that it is made with.
#[derive(Clone, Default)]
pub struct Kind {
    pub counts: Vec<Dim>,
    pub name: String,
}

impl<T: Into<String>> From<T> for Kind {
    fn from(name: T) -> Kind {
        Kind { counts: Vec::new(), name: name.into() }
    }
}

impl Kind {
    /// A text, if the macro knows the numbers.
    fn tokens(&self) -> TokenStream {
        let name = self.name.replace('{', "{{").replace('}', "}}");
        let known = self.counts.iter().all(|count| count.fixed().is_some());
        let counts = self.counts.iter().map(|count| if known { count.text() } else { "{}".to_owned() });
        let text: Vec<String> = counts.chain([if known { self.name.clone() } else { name }]).collect();
        let text = text.join(" × ");
        if known {
            return quote!(#text);
        }
        let counts = self.counts.iter().map(Dim::tokens);
        quote!(&::std::format!(#text, #(#counts),*))
    }
}

/// What a layer's check has found.
pub struct Made {
    pub ty: TokenStream,
    pub kind: Kind,
    pub make: Make,
    pub run: Run,
    pub shape: Shape,
    /// Whether it has an estimator.
    pub estimator: bool,
}

impl Made {
    /// After a mistake: a field of a type that is there, and a shape that may be known in part.
    pub fn broken(ty: TokenStream, shape: Shape) -> Made {
        Made { ty, kind: Kind::default(), make: Make::Broken, run: Run::Forward, shape, estimator: false }
    }
}

impl Checker<'_> {
    /// The steps of a block, whose named values are its own.
    pub fn steps(&mut self, steps: &[Step], mut state: State, place: &Place) -> (Vec<Node>, State) {
        self.doubled_names(steps);
        let values = self.values.len();
        let mut nodes = Vec::new();
        let several = place.names.is_empty() && self.model.inputs.len() > 1;
        let mut several = self.values.first().filter(|_| several).map(|value| value.name.clone());
        let mut flows = false;
        for step in steps {
            let unbegun = several.filter(|_| !self.quiet && !self.begins(step));
            if unbegun.is_some() {
                state.shape = Shape::Unknown(None);
            }
            several = step.outputs.first().map(unraw).map(|name| match name.starts_with(IGNORED) {
                true => "value".to_owned(),
                false => name,
            });
            if flows && self.starts_at_a_value(step) {
                let message =
                    "what comes before this chain is never used: name it, `let name = ..;`, or go on from it";
                self.errors.span(step.span, message);
            }
            flows = !self.quiet && !matches!(step.head, Head::Let(_) | Head::Broken) && several.is_none();
            let mistakes = self.errors.count();
            let (step_nodes, after) = self.step(step, state, place);
            // An op that is none may have been meant as one.
            let meant = matches!(step.head, Head::Ops) && self.errors.count() > mistakes;
            if let Some(value) = unbegun.filter(|_| !meant) {
                self.unbegun(step, &value, step_nodes.first());
            }
            nodes.extend(step_nodes);
            state = after;
        }
        // The net's own outputs may be values.
        if !place.names.is_empty() {
            self.unused(values);
        }
        (nodes, state)
    }

    /// Two steps of one block have different names.
    fn doubled_names(&mut self, steps: &[Step]) {
        if self.quiet {
            return;
        }
        let mut seen: Vec<String> = Vec::new();
        for name in steps.iter().filter_map(|step| step.name.as_ref()) {
            let text = unraw(name);
            if seen.contains(&text) {
                self.errors.at(
                    name,
                    format!("two steps are called `{text}`: each is a field, so give one another name"),
                );
            }
            seen.push(text);
        }
    }

    fn step(&mut self, step: &Step, state: State, place: &Place) -> (Vec<Node>, State) {
        let attrs = self.step_attributes(step);
        let who = step.name.as_ref().map_or_else(|| step.place.clone(), unraw);
        let inner = place.inside(&who);
        self.step = inner.names.join(".");
        let name = step.name.clone().unwrap_or_else(|| Ident::new("_", step.span));
        let mut mark = self.mark();
        let (mut nodes, mut state) = match &step.head {
            Head::Broken => {
                if let Some(name) = &step.name {
                    let made = Made::broken(quote!(()), Shape::Unknown(None));
                    self.field(&step.vis, name, &attrs.kept, &made, &inner);
                }
                (Vec::new(), State { shape: Shape::Unknown(None), giver: format!("`{who}`"), real: false })
            }
            Head::Ops => (Vec::new(), state),
            Head::Let(name) => {
                self.name_value(name, state.clone(), "the value");
                return (vec![Node::Let(local(&unraw(name)))], state);
            }
            Head::Layer(layer) if layer.path.is_ident("Tied") => {
                let (node, shape) = self.tied(&who, layer, &state, &inner);
                (node.into_iter().collect(), State { shape, giver: format!("`{who}`"), real: true })
            }
            Head::Layer(layer) if !step.outputs.is_empty() => {
                let made = match RECURRENT.iter().any(|kind| layer.path.is_ident(kind)) {
                    true => self.states_apart(&who, layer, attrs.deterministic, &state, &step.outputs),
                    false => self.apart(&who, layer, attrs.deterministic, &state, &step.outputs),
                };
                let node = Node::Layer(self.call(&step.vis, &name, &attrs.kept, &inner, &made));
                (vec![node], State { shape: Shape::Unknown(None), giver: format!("`{who}`"), real: true })
            }
            Head::Layer(layer) => {
                let made = self.layer(&who, layer, attrs.deterministic, &state);
                let call = self.call(&step.vis, &name, &attrs.kept, &inner, &made);
                self.remember(layer, attrs.deterministic, &state, &call, &inner);
                let shape = made.shape;
                (vec![Node::Layer(call)], State { shape, giver: format!("`{who}`"), real: true })
            }
            Head::Array { element, count } => {
                let made = self.array(&who, element, count, attrs.deterministic, &state);
                let node = Node::Layer(self.call(&step.vis, &name, &attrs.kept, &inner, &made));
                let shape = made.shape;
                (vec![node], State { shape, giver: format!("`{who}`"), real: true })
            }
            Head::Residual { keyword, project, body } => {
                self.residual(keyword, project.as_ref(), body, state, &inner)
            }
            Head::Concat { keyword, branches } => self.concat(keyword, branches, state, &inner),
            Head::Repeat { keyword, count, body } => self.repeat(keyword, count, body, state, &inner),
            Head::Each { keyword, body } => self.each(keyword, body, state, &inner),
            Head::Block(body) => {
                let (nodes, after) = self.steps(body, state, &inner);
                (vec![Node::Block(nodes)], after)
            }
        };
        for (i, op) in step.ops.iter().enumerate() {
            self.follows(mark);
            mark = self.mark();
            self.step = inner.names.join(".");
            let starts = step.starts && i == 0 && matches!(step.head, Head::Ops);
            let (node, after) = self.op(op, &who, step.name.is_some(), starts, state, &inner);
            nodes.extend(node);
            state = after;
        }
        self.follows(mark);
        (nodes, state)
    }

    /// A layer's field, line of the table, and call.
    pub fn call(
        &mut self,
        vis: &Visibility,
        name: &Ident,
        kept: &[Attribute],
        place: &Place,
        made: &Made,
    ) -> Call {
        let field = self.field(vis, name, kept, made, place);
        // Several of them are a `Vec` or an array, which the library knows.
        let several = made.run.is_list() || !place.index.is_empty();
        let alone = made.run.typed().filter(|_| !several).cloned();
        let of = alone.clone().map_or(Counted::Field(field), |typed| Counted::Module(field, typed));
        let asked = made.run.typed().map(|_| alone);
        if let Some(net) = asked
            && !self.model.asked.iter().any(|(asked, _)| *asked == field)
        {
            self.model.asked.push((field, net));
        }
        let (shape, estimator) = (made.shape.clone(), made.estimator);
        let Kind { counts, name } = made.kind.clone();
        let kind = Kind { counts: place.times.iter().cloned().chain(counts).collect(), name };
        self.row(place, kind, shape, of, estimator);
        Call {
            field,
            name: place.names.join("."),
            path: place.parts.clone(),
            make: made.make.clone(),
            run: made.run.clone(),
            index: place.index.clone(),
        }
    }

    /// A line of the table; which, if there is one.
    pub fn row(
        &mut self,
        place: &Place,
        kind: impl Into<Kind>,
        output: Shape,
        of: Counted,
        estimator: bool,
    ) -> Option<usize> {
        if self.quiet {
            return None;
        }
        let name = place.names.join(".");
        let along = place.along.clone();
        self.model.rows.push(Row { name, kind: kind.into().tokens(), output, along, of, estimator });
        Some(self.model.rows.len() - 1)
    }

    /// The field of a named step; the same one in each iteration of a `repeat`.
    fn field(
        &mut self,
        vis: &Visibility,
        name: &Ident,
        kept: &[Attribute],
        made: &Made,
        place: &Place,
    ) -> usize {
        if let Some(&field) = self.fields.get(&place.names)
            && self.quiet
        {
            return field;
        }
        let field = self.model.fields.len();
        self.fields.insert(place.names.clone(), field);
        self.model.fields.push(Field {
            attrs: kept.to_vec(),
            vis: vis.clone(),
            ident: name.clone(),
            ty: made.ty.clone(),
            of: made.run.typed().cloned(),
            is_list: made.run.is_list(),
            depth: place.index.len(),
            place: place.names.clone(),
        });
        field
    }

    /// Fields of one name in two blocks are told apart by their places; that of the net itself keeps its name.
    pub fn rename_fields(&mut self) {
        let names: Vec<String> = self.model.fields.iter().map(|field| unraw(&field.ident)).collect();
        for (i, field) in self.model.fields.iter_mut().enumerate() {
            let again = names.iter().filter(|name| **name == names[i]).count() > 1;
            if again && field.place.len() > 1 {
                let place = format!("b{}", field.place.join("_"));
                field.ident = Ident::new(&place, field.ident.span());
                field.vis = Visibility::Inherited;
            }
        }
    }

    fn step_attributes(&mut self, step: &Step) -> Attributes {
        let mut attributes = Attributes { deterministic: false, kept: Vec::new() };
        for attr in &step.attrs {
            let path = attr.path();
            if path.is_ident("deterministic") {
                if !matches!(attr.meta, syn::Meta::Path(_)) {
                    self.errors.at(attr, "`#[deterministic]` takes no argument");
                }
                match &step.head {
                    Head::Layer(layer) if layer.signature.is_none() => attributes.deterministic = true,
                    Head::Array { element, .. } if element.signature.is_none() => {
                        attributes.deterministic = true
                    }
                    Head::Broken => {}
                    Head::Layer(_) | Head::Array { .. } => self.errors.at(
                        attr,
                        "`#[deterministic]` does not reach into a module written by hand, which makes its weights itself",
                    ),
                    _ => self.errors.at(
                        attr,
                        "`#[deterministic]` makes the weights of one layer plain: put it on a layer's step",
                    ),
                }
            } else if path.is_ident("cfg") || path.is_ident("cfg_attr") {
                self.errors.at(
                    attr,
                    format!(
                        "`#[{}]` on a step would change the shapes behind it, which are checked before it is known; put it on the struct and write one net for each case",
                        shown(path)
                    ),
                );
            } else if step.name.is_none() {
                self.errors.at(attr, format!("`#[{}]` is for named steps, which are fields", shown(path)));
            } else {
                attributes.kept.push(attr.clone());
            }
        }
        attributes
    }
}

/// What stands on a step.
struct Attributes {
    deterministic: bool,
    /// Passed on to the field.
    kept: Vec<Attribute>,
}

impl Place {
    /// A place within this one.
    pub fn inside(&self, name: &str) -> Place {
        let mut place = self.clone();
        place.parts.push(Part::Name(name.to_owned()));
        place.names.push(name.to_owned());
        place
    }
}
