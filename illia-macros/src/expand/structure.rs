//! What a net consists of: a line for each layer and each op that changes the shape, which `Display` prints, and what flows between the
//! steps, which `graph` draws. For
//!
//! ```text
//! fc: Linear(400) -> relu,
//! head: Linear(10),
//! ```
//!
//! the steps come out as
//!
//! ```text
//! &[(0, 0, "relu", &[(0, "")]), (1, 1, "", &[(1, "")])]
//! ```
//!
//! Each has the line that it begins with and that of its shape, the ops behind its layer, and what goes into it: the net's inputs come
//! first, then the steps, each with the name of the value that it is.

use std::collections::HashSet;

use proc_macro2::{Ident, Literal, TokenStream};
use quote::{ToTokens, quote};

use super::Context;
use super::forward::as_module;
use crate::check::{local, shape_tokens};
use crate::dim::Shape;
use crate::generics::idents;
use crate::model::{Call, Counted, Model, Node, Run};
use crate::text::unraw;

/// `BayesianModule::structure`.
pub fn method(context: &Context) -> TokenStream {
    let illia = context.illia;
    let within: syn::Path = syn::parse_quote!(__private);
    let ident = |field: usize| context.model.fields.get(field).map(|field| &field.ident);
    let rows = context.model.rows.iter().map(|row| {
        let (title, kind, output) = (&row.name, &row.kind, shape_tokens(&within, &row.output));
        let line = match &row.of {
            Counted::Nothing => quote!(__private::Row::new(#title, #kind, #output)),
            Counted::Module(field, typed) => {
                let ident = ident(*field);
                let module = as_module(typed, quote!(&self.#ident));
                quote!(__private::Row::of(#title, #kind, #output, #module))
            }
            Counted::Again(field, typed) => {
                let ident = ident(*field);
                let module = match typed {
                    Some(typed) => as_module(typed, quote!(&self.#ident)),
                    None => quote!(&self.#ident),
                };
                quote!(__private::Row::again(#title, #kind, #output, #module))
            }
            Counted::Tied(field) => {
                let ident = ident(*field);
                quote!(__private::Row::tied(#title, #kind, #output, &self.#ident))
            }
            Counted::Field(field) => {
                let ident = ident(*field);
                let made = if row.estimator { quote!(row) } else { quote!(Row::of) };
                quote!(__private::#made(#title, #kind, #output, &self.#ident))
            }
        };
        let along = row.along.iter().map(|axis| shape_tokens(&within, axis));
        quote!(#line #(.along(#along))*)
    });
    let ports = |list: &[(Option<Ident>, Shape)]| {
        let each = list.iter().map(|(name, shape)| {
            let name = name.as_ref().map(unraw).unwrap_or_default();
            let shape = shape_tokens(&within, shape);
            quote!((#name, #shape))
        });
        quote!(&[#(#each),*])
    };
    let (inputs, outputs) = (ports(&context.model.inputs), ports(&context.model.outputs));
    let name = context.name().to_string();
    let (steps, ends) = wiring(context.model);
    let made = quote!(__private::Structure::new(#name, #inputs, #outputs, ::std::vec![#(#rows),*], &[#(#steps),*], &[#(#ends),*]));
    let body = context
        .body(context.with_arguments(quote!(use #illia::__private; ::core::option::Option::Some(#made))));
    quote! {
        fn structure(&self) -> ::core::option::Option<#illia::__private::Structure> {
            #body
        }
    }
}

/// `Display`: the lines as a table.
pub fn display(context: &Context) -> TokenStream {
    let (name, illia, private, cfgs) = (context.name(), context.illia, context.private(), context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let body = context.body(quote!(#private::summary(__f, #illia::BayesianModule::structure(self))));
    quote! {
        #cfgs
        #[automatically_derived]
        #[allow(unused_variables)]
        impl #impl_generics ::core::fmt::Display for #name #ty_generics #where_clause {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #body
            }
        }
    }
}

/// What goes into a step: where it comes from, and the name of the value that it is, if it has one.
type Flow = Vec<(usize, String)>;

struct Step {
    first: Option<usize>,
    last: Option<usize>,
    text: String,
    from: Flow,
    /// Whether something goes on from here besides what comes next, so that an op behind it is a step of its own.
    is_shared: bool,
}

struct Walk<'a> {
    model: &'a Model,
    steps: Vec<Step>,
    values: Vec<(String, Flow)>,
}

/// The steps, and what becomes of the outputs.
fn wiring(model: &Model) -> (Vec<TokenStream>, Vec<TokenStream>) {
    let mut walk = Walk { model, steps: Vec::new(), values: Vec::new() };
    let mut flow = vec![(0, String::new())];
    for (i, (name, _)) in model.inputs.iter().enumerate() {
        if let Some(name) = name {
            walk.values.push((local(&unraw(name)).to_string(), vec![(i, unraw(name))]));
        }
    }
    if model.inputs.len() > 1 {
        flow.clear();
    }
    let flow = walk.run(&model.nodes, flow);
    let ends = model.outputs.iter().map(|(name, _)| match name {
        Some(name) => walk.value(&local(&unraw(name))),
        None => flow.clone(),
    });
    let ends: Vec<TokenStream> = ends.map(|flow| flow_tokens(&flow)).collect();
    let row = |row: Option<usize>| {
        row.map_or_else(|| quote!(!0), |row| Literal::usize_unsuffixed(row).into_token_stream())
    };
    let steps = walk.steps.iter().map(|step| {
        let (first, last, text, from) =
            (row(step.first), row(step.last), &step.text, flow_tokens(&step.from));
        quote!((#first, #last, #text, #from))
    });
    (steps.collect(), ends)
}

fn flow_tokens(flow: &Flow) -> TokenStream {
    let each = flow.iter().map(|(from, name)| {
        let from = Literal::usize_unsuffixed(*from);
        quote!((#from, #name))
    });
    quote!(&[#(#each),*])
}

impl Walk<'_> {
    fn run(&mut self, nodes: &[Node], flow: Flow) -> Flow {
        nodes.iter().fold(flow, |flow, node| self.node(node, flow))
    }

    fn node(&mut self, node: &Node, flow: Flow) -> Flow {
        match node {
            Node::Layer(call) | Node::Again(call) => self.layer(call, flow),
            Node::Op { name, row, code, .. } => {
                let values = self.mentioned(code);
                if let ([(from, value)], true) = (flow.as_slice(), values.is_empty())
                    && value.is_empty()
                    && let Some(step) =
                        from.checked_sub(self.model.inputs.len()).and_then(|at| self.steps.get_mut(at))
                    && !step.is_shared
                {
                    let between = if step.text.is_empty() { "" } else { ", " };
                    step.text = format!("{}{between}{name}", step.text);
                    step.last = row.or(step.last);
                    return flow;
                }
                let from = flow.into_iter().chain(values).collect();
                self.step(*row, name.clone(), from)
            }
            Node::Let(value) => {
                self.share(&flow);
                self.name(value, flow.clone());
                flow
            }
            Node::From(value) => self.value(value),
            Node::Block(body) => self.block(body, flow),
            Node::Each(body) => {
                let each = self.step(None, "each".to_owned(), flow);
                self.block(body, each)
            }
            Node::Residual { project, body } => {
                self.share(&flow);
                let skip = match project {
                    Some(call) => self.layer(call, flow.clone()),
                    None => flow.clone(),
                };
                let body = self.block(body, flow);
                let from = body.into_iter().chain(skip).collect();
                self.step(None, "add".to_owned(), from)
            }
            Node::Concat { branches, .. } => {
                self.share(&flow);
                let ends: Vec<Flow> =
                    branches.iter().map(|branch| self.block(branch, flow.clone())).collect();
                self.step(None, "concat".to_owned(), ends.concat())
            }
            Node::Loop { body, .. } => self.block(body, flow),
            // The lines are those of the first.
            Node::Unrolled { bodies } => match bodies.first() {
                Some(body) => self.block(body, flow),
                None => flow,
            },
        }
    }

    fn layer(&mut self, call: &Call, mut flow: Flow) -> Flow {
        let (given, outputs): (Flow, &[Ident]) = match &call.run {
            Run::ForwardT(more) | Run::With(more) => (self.mentioned(more), &[]),
            Run::States { given, outputs, .. } => {
                (given.iter().flat_map(|value| self.value(value)).collect(), outputs)
            }
            Run::Ports { inputs, outputs, .. } => {
                if !inputs.is_empty() {
                    flow.clear();
                }
                let named = |(name, value): &(String, Ident)| {
                    self.value(value).into_iter().map(|(from, _)| (from, name.clone())).collect::<Flow>()
                };
                (inputs.iter().flat_map(named).collect(), outputs)
            }
            _ => (Flow::new(), &[]),
        };
        flow.extend(given);
        let after = self.step(self.row_of(call), String::new(), flow);
        if outputs.is_empty() {
            return after;
        }
        self.share(&after);
        for output in outputs {
            self.name(output, after.clone());
        }
        Flow::new()
    }

    /// A layer that is used again has the line of the first time, unless it has one of its own by that name.
    fn row_of(&self, call: &Call) -> Option<usize> {
        let rows = &self.model.rows;
        let of = |counted: &Counted| match counted {
            Counted::Field(field) | Counted::Module(field, _) => *field == call.field,
            Counted::Again(..) | Counted::Tied(_) | Counted::Nothing => false,
        };
        let own = rows
            .iter()
            .position(|row| matches!(row.of, Counted::Nothing | Counted::Tied(_)) && row.name == call.name);
        own.or_else(|| rows.iter().position(|row| of(&row.of)))
    }

    fn step(&mut self, row: Option<usize>, text: String, from: Flow) -> Flow {
        self.steps.push(Step { first: row, last: row, text, from, is_shared: false });
        vec![(self.model.inputs.len() + self.steps.len() - 1, String::new())]
    }

    /// Steps whose named values are their own.
    fn block(&mut self, body: &[Node], flow: Flow) -> Flow {
        let values = self.values.len();
        let after = self.run(body, flow);
        self.values.truncate(values);
        after
    }

    fn share(&mut self, flow: &Flow) {
        for (from, _) in flow {
            let step = from.checked_sub(self.model.inputs.len()).and_then(|at| self.steps.get_mut(at));
            if let Some(step) = step {
                step.is_shared = true;
            }
        }
    }

    fn name(&mut self, value: &Ident, flow: Flow) {
        let name = said(&value.to_string());
        let flow = flow.into_iter().map(|(from, _)| (from, name.clone())).collect();
        self.values.push((value.to_string(), flow));
    }

    fn value(&self, value: &Ident) -> Flow {
        let named = self.values.iter().rev().find(|(name, _)| value == name);
        named.map(|(_, flow)| flow.clone()).unwrap_or_default()
    }

    /// The values that an op or a layer takes besides what flows.
    fn mentioned(&self, code: &TokenStream) -> Flow {
        let mut names = HashSet::new();
        idents(code.clone(), &mut names);
        let mut seen = HashSet::new();
        let taken = self.values.iter().rev();
        let taken = taken.filter(|value| names.contains(&value.0) && seen.insert(value.0.as_str()));
        taken.flat_map(|(_, flow)| flow.clone()).collect()
    }
}

/// A value's name as it was written.
fn said(local: &str) -> String {
    local.trim_start_matches("__value_").to_owned()
}
