//! The forward pass, line by line as it was declared.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::Context;
use crate::check::{local, shape_tokens};
use crate::model::{Call, Node, Run, Typed};
use crate::text::unraw;

/// The one input's way to the one output.
pub fn single(context: &Context) -> TokenStream {
    let steps = nodes(context, &context.model.nodes);
    let named = context.model.inputs.iter().filter_map(|(name, _)| name.as_ref());
    let named = named.map(|name| local(&unraw(name)));
    let output = output(context);
    let body = quote! {
        let mut __x = __input.shallow_clone();
        #(let #named = __input.shallow_clone();)*
        #steps
        ::core::result::Result::Ok(#output)
    };
    let checks = checks(context, &[quote!(__input)]);
    context.with_arguments(quote!(#checks #body))
}

/// Several inputs' way to the outputs.
pub fn all(context: &Context) -> TokenStream {
    let name = context.name().to_string();
    let steps = nodes(context, &context.model.nodes);
    let names = context.model.inputs.iter().enumerate().map(|(i, (name, _))| match name {
        Some(name) => local(&unraw(name)),
        None => format_ident!("__input{i}"),
    });
    let names: Vec<Ident> = names.collect();
    let count = names.len();
    let checks = checks(context, &names.iter().map(|name| quote!(&#name)).collect::<Vec<_>>());
    let first = names.first();
    let outputs: Vec<TokenStream> = match context.model.outputs.as_slice() {
        [(None, _)] => vec![quote!(__x)],
        list => list
            .iter()
            .filter_map(|(name, _)| Some(local(&unraw(name.as_ref()?))))
            .map(|v| quote!(#v))
            .collect(),
    };
    context.with_arguments(quote! {
        let [#(#names),*] = __private::inputs::<#count>(#name, __inputs)?;
        #checks
        let mut __x = #first.shallow_clone();
        #steps
        ::core::result::Result::Ok(::std::vec::Vec::from([#(#outputs),*]))
    })
}

fn output(context: &Context) -> TokenStream {
    match context.model.outputs.as_slice() {
        [(Some(name), _)] => {
            let value = local(&unraw(name));
            quote!(#value)
        }
        _ => quote!(__x),
    }
}

/// Each input is of its shape; a name means one length in all of them.
fn checks(context: &Context, inputs: &[TokenStream]) -> TokenStream {
    let illia = context.illia;
    let name = context.name().to_string();
    let shapes: Vec<TokenStream> = context
        .model
        .inputs
        .iter()
        .map(|(_, shape)| {
            if inputs.len() == 1 && !context.keeps_arguments() {
                quote!(Self::INPUT)
            } else {
                shape_tokens(illia, shape)
            }
        })
        .collect();
    if let ([input], [shape]) = (inputs, shapes.as_slice()) {
        let check = quote!(__private::Axes::of(#name, #shape, #input)?);
        return if context.model.needs_axes { quote!(let mut __axes = #check;) } else { quote!(#check;) };
    }
    let said = context.model.inputs.iter().map(|(input, _)| {
        input.as_ref().map_or_else(|| name.clone(), |input| format!("{name} ({})", unraw(input)))
    });
    quote! {
        let mut __axes = __private::Axes::new();
        #(__axes.input(#said, #shapes, #inputs)?;)*
    }
}

fn nodes(context: &Context, list: &[Node]) -> TokenStream {
    list.iter().map(|node| self::node(context, node)).collect()
}

fn node(context: &Context, node: &Node) -> TokenStream {
    match node {
        Node::Layer(call) | Node::Again(call) => {
            if let Run::Nets(Typed { table, .. }) = &call.run {
                let (layer, name) = (field(context, call), &call.name);
                return quote! {
                    for __block in &#layer {
                        __x = __private::at(#name, (#table.forward)(__block, &__x, __train))?;
                    }
                };
            }
            if let Run::Ports { of, inputs, outputs } = &call.run {
                return ports(context, call, of, inputs, outputs);
            }
            if let Run::Modules { of, shape } = &call.run {
                let (layer, each) = (field(context, call), module(call, of, &quote!(__block), shape));
                return quote!(for __block in &#layer { __x = #each; });
            }
            if let Run::States { given, outputs, count } = &call.run {
                return states(context, call, given, outputs, *count);
            }
            let run = run(context, call);
            // What a step took is let go of at once: its memory serves the next.
            quote!(__x = #run;)
        }
        Node::Op { code, .. } => quote!(__x = #code;),
        Node::Let(value) => quote!(let #value = __x.shallow_clone();),
        Node::From(value) => quote!(__x = #value.shallow_clone();),
        Node::Block(body) => {
            let body = nodes(context, body);
            quote!({ #body })
        }
        Node::Each(body) => {
            let body = nodes(context, body);
            quote! {{
                let __each;
                (__each, __x) = __private::Each::of(&__x)?;
                #body
                __x = __each.together(&__x)?;
            }}
        }
        Node::Residual { project, body } => {
            let skip = match project {
                Some(call) => run(context, call),
                None => quote!(__x.shallow_clone()),
            };
            let body = nodes(context, body);
            quote! {{
                let __skip = #skip;
                #body
                __x = __private::add(&__skip, &__x)?;
            }}
        }
        Node::Concat { branches, shape } => {
            let branches = branches.iter().map(|branch| {
                let branch = nodes(context, branch);
                quote!({ let mut __x = __x.shallow_clone(); #branch __x })
            });
            quote!(__x = __private::concat(#shape, &[#(#branches),*])?;)
        }
        Node::Loop { count, index, body } => {
            let body = nodes(context, body);
            quote!(for #index in 0..#count { #body })
        }
        Node::Unrolled { bodies } => bodies.iter().map(|body| nodes(context, body)).collect(),
    }
}

/// `self.hidden[i]`
pub fn field(context: &Context, call: &Call) -> TokenStream {
    let ident = context.model.fields.get(call.field).map(|field| &field.ident);
    let index = call.index.iter();
    quote!(self.#ident #([#index])*)
}

fn run(context: &Context, call: &Call) -> TokenStream {
    let (layer, name) = (field(context, call), &call.name);
    match &call.run {
        Run::Forward => quote!(__private::at(#name, #layer.try_forward(&__x))?),
        Run::ForwardT(more) => quote!(__private::at(#name, #layer.try_forward_t(&__x, #more __train))?),
        Run::With(more) => quote!(__private::at(#name, #layer.try_forward(&__x, #more))?),
        Run::Tied => quote!(__private::at(#name, #layer.try_tied(&__x))?),
        Run::Plain => quote!(__private::at(#name, __private::plain(&#layer, &__x, __train))?),
        Run::States { given, count, .. } => {
            let all = all_states(context, call, given, *count);
            quote!({ let [__x, ..] = #all; __x })
        }
        Run::Net(Typed { table, .. })
        | Run::Nets(Typed { table, .. })
        | Run::Ports { of: Typed { table, .. }, .. } => {
            quote!(__private::at(#name, (#table.forward)(&#layer, &__x, __train))?)
        }
        Run::Module { of, shape } | Run::Modules { of, shape } => module(call, of, &quote!(&#layer), shape),
    }
}

/// A module written by hand, whose output must be of the shape that it was declared with.
fn module(
    call: &Call,
    Typed { table, .. }: &Typed,
    module: &TokenStream,
    shape: &TokenStream,
) -> TokenStream {
    let name = &call.name;
    quote!({
        let __x = __private::of_all_draws(&__x);
        let __y = (#table.forward)(#module, &__x, __train);
        __private::checked(#name, __y, ::core::option::Option::Some(#shape), &__x, &mut __axes)?
    })
}

/// A recurrent layer's output and states.
fn states(context: &Context, call: &Call, given: &[Ident], outputs: &[Ident], count: usize) -> TokenStream {
    let all = all_states(context, call, given, count);
    if outputs.is_empty() { quote!([__x, ..] = #all;) } else { quote!(let [#(#outputs),*] = #all;) }
}

fn all_states(context: &Context, call: &Call, given: &[Ident], count: usize) -> TokenStream {
    let (layer, name) = (field(context, call), &call.name);
    let made = quote!(__private::at(#name, #layer.try_states(&__x, &[#(&#given),*], __train))?);
    quote!(__private::outputs::<#count>(#name, #made)?)
}

/// A net of several inputs or outputs.
fn ports(
    context: &Context,
    call: &Call,
    Typed { table, .. }: &Typed,
    inputs: &[(String, Ident)],
    outputs: &[Ident],
) -> TokenStream {
    let (layer, name) = (field(context, call), &call.name);
    let given = if inputs.is_empty() {
        quote!(&[&__x])
    } else {
        let (names, values): (Vec<&String>, Vec<&Ident>) =
            inputs.iter().map(|(name, value)| (name, value)).unzip();
        quote!(&__private::ordered(#table.inputs, &[#((#names, &#values)),*]))
    };
    let made = quote!(__private::at(#name, (#table.forward_all)(&#layer, #given, __train))?);
    if outputs.is_empty() {
        return quote!([__x] = __private::outputs::<1>(#name, #made)?;);
    }
    let count = outputs.len();
    quote!(let [#(#outputs),*] = __private::outputs::<#count>(#name, #made)?;)
}

/// `(table.as_module)(&self.field)`
pub fn as_module(Typed { table, .. }: &Typed, field: TokenStream) -> TokenStream {
    quote!((#table.as_module)(#field))
}
