//! The forward pass once more, on values of a graph in place of tensors: what an export writes down. For
//!
//! ```text
//! fc: Linear(400) -> relu,
//! ```
//!
//! what comes out is
//!
//! ```text
//! __x = layer("fc", &self.fc, &__x, ())?;
//! __x = at("fc", relu(&__x))?;
//! ```
//!
//! with the functions of `__private::graph`, which have the names of those of `__private` that the forward calls and stand in their place: the
//! same code, on values. An op without a function there is refused by its name when the net is exported.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::Context;
use super::forward::field;
use crate::check::{local, shape_tokens};
use crate::dim::Shape;
use crate::model::{Call, Node, Run, Typed};
use crate::text::unraw;

/// The ops that have a form in a graph: those of `illia-core/src/graph/ops.rs`.
const WRITTEN: &[&str] = &[
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
    "upsample",
    "flatten",
    "reshape",
    "permute",
    "dropout",
    "last",
    "first",
    "mean",
    "add",
    "multiply",
    "concat",
    "identity",
];

/// `BayesianModule::in_graph`.
pub fn in_graph(context: &Context) -> TokenStream {
    let illia = context.illia;
    let body = context.body(body(context));
    let result = quote!(::core::result::Result<::std::vec::Vec<#illia::export::Value>, #illia::Error>);
    quote! {
        fn in_graph(&self, __inputs: &[&#illia::export::Value]) -> ::core::option::Option<#result> {
            let __write = || -> #result { #body };
            ::core::option::Option::Some(__write())
        }
    }
}

/// `Net::ports`, where the constants of the signature lack what only whoever makes the net knows.
pub fn ports(context: &Context) -> Option<TokenStream> {
    if !context.keeps_arguments() {
        return None;
    }
    let illia = context.illia;
    let graph = quote!(#illia::__private::graph);
    let named = |list: &[(Option<Ident>, Shape)]| {
        let names = list.iter().map(|(name, _)| name.as_ref().map(unraw).unwrap_or_default());
        let shapes = list.iter().map(|(_, shape)| shape_tokens(illia, shape));
        quote!(#graph::named(&[#(#names),*], &[#(#shapes),*]))
    };
    let (inputs, outputs) = (named(&context.model.inputs), named(&context.model.outputs));
    let body =
        context.body(context.with_arguments(quote!(#graph::Ports { inputs: #inputs, outputs: #outputs })));
    Some(quote!(fn ports(&self) -> #graph::Ports { #body }))
}

fn body(context: &Context) -> TokenStream {
    let illia = context.illia;
    let name = context.name().to_string();
    let names = context.model.inputs.iter().enumerate().map(|(i, (name, _))| match name {
        Some(name) => local(&unraw(name)),
        None => format_ident!("__input{i}"),
    });
    let names: Vec<Ident> = names.collect();
    let count = names.len();
    let shapes = context.model.inputs.iter().map(|(_, shape)| shape_tokens(illia, shape));
    let first = names.first();
    let steps = nodes(context, &context.model.nodes);
    let outputs: Vec<TokenStream> = match context.model.outputs.as_slice() {
        [(None, _)] => vec![quote!(__x)],
        list => {
            let named = list.iter().filter_map(|(name, _)| Some(local(&unraw(name.as_ref()?))));
            named.map(|value| quote!(#value)).collect()
        }
    };
    context.with_arguments(quote! {
        use #illia::__private::graph as __private;
        let __train = false;
        let [#(#names),*] = __private::inputs::<#count>(#name, __inputs)?;
        let mut __axes = __private::Axes::new();
        #(__axes.input(#name, #shapes, &#names)?;)*
        let mut __x = #first.shallow_clone();
        #steps
        ::core::result::Result::Ok([#(#outputs.shallow_clone()),*].to_vec())
    })
}

fn nodes(context: &Context, list: &[Node]) -> TokenStream {
    list.iter().map(|node| self::node(context, node)).collect()
}

fn node(context: &Context, node: &Node) -> TokenStream {
    match node {
        Node::Layer(call) | Node::Again(call) => layer(context, call),
        Node::Op { name, code, .. } if WRITTEN.contains(&name.as_str()) => quote!(__x = #code;),
        Node::Op { name, step, .. } => {
            let said = format!("`{name}`");
            quote!(__x = __private::at(#step, __private::refused(#said))?;)
        }
        Node::Let(value) => quote!(let #value = __x.shallow_clone();),
        Node::From(value) => quote!(__x = #value.shallow_clone();),
        Node::Block(body) => {
            let body = nodes(context, body);
            quote!({ #body })
        }
        Node::Each(_) => quote!(__x = __private::refused("`each`")?;),
        Node::Residual { project, body } => {
            let skip = project.as_ref().map(|call| layer(context, call));
            let body = nodes(context, body);
            quote! {{
                let __skip = { let mut __x = __x.shallow_clone(); #skip __x };
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

/// Sets `__x` to what a layer makes of it.
fn layer(context: &Context, call: &Call) -> TokenStream {
    let illia = context.illia;
    let (layer, name) = (field(context, call), &call.name);
    let written = match &call.run {
        Run::Forward => return quote!(__x = __private::layer(#name, &#layer, &__x, ())?;),
        Run::Net(_) | Run::Module { .. } => of_any(&layer),
        Run::ForwardT(more) => return quote!(__x = __private::layer(#name, &#layer, &__x, (#more))?;),
        Run::With(more) => return quote!(__x = __private::layer(#name, &#layer, &__x, (#more))?;),
        Run::States { outputs, .. } => {
            let count = outputs.len();
            let refused = quote!(__private::at(#name, __private::refused("a recurrent layer's states")));
            return match count {
                0 => quote!(__x = #refused?;),
                _ => quote!(let [#(#outputs),*]: [#illia::export::Value; #count] = #refused?;),
            };
        }
        Run::Nets(_) | Run::Modules { .. } => {
            let written = of_any(&quote!(*__block));
            return quote!(for __block in &#layer { __x = __private::at(#name, #written)?; });
        }
        Run::Tied => quote!(__private::tied(&#layer, &__x)),
        Run::Plain => quote!(__private::plain(&#layer, &__x)),
        Run::Ports { of: Typed { table, .. }, inputs, outputs } => {
            let given = if inputs.is_empty() {
                quote!(&[&__x])
            } else {
                let (names, values): (Vec<&String>, Vec<&Ident>) =
                    inputs.iter().map(|(name, value)| (name, value)).unzip();
                quote!(&__private::ordered(#table.inputs, &[#((#names, &#values)),*]))
            };
            let made = quote!(__private::at(#name, __private::all(&#layer, #given))?);
            if outputs.is_empty() {
                return quote!([__x] = __private::outputs::<1>(#name, #made)?;);
            }
            let count = outputs.len();
            return quote!(let [#(#outputs),*] = __private::outputs::<#count>(#name, #made)?;);
        }
    };
    quote!(__x = __private::at(#name, #written)?;)
}

/// What a type of the user's writes: one that is no module is named elsewhere, and not once more here.
fn of_any(layer: &TokenStream) -> TokenStream {
    quote!({
        use __private::{Known as _, Unknown as _};
        (&__private::Of(&#layer)).written(&__x)
    })
}
