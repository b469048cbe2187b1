//! The forward pass, line by line as it was declared.

use proc_macro2::TokenStream;
use quote::quote;

use super::Context;
use crate::model::{Call, Node, Run};

pub fn body(context: &Context) -> TokenStream {
    let private = context.private();
    let name = context.name().to_string();
    let check = quote!(#private::Axes::of(#name, Self::INPUT, x)?);
    let check = if context.model.needs_axes { quote!(let mut axes = #check;) } else { quote!(#check;) };
    let steps = nodes(context, &context.model.nodes);
    quote! {
        #check
        let mut x = x.shallow_clone();
        #steps
        ::core::result::Result::Ok(x)
    }
}

fn nodes(context: &Context, list: &[Node]) -> TokenStream {
    list.iter().map(|node| self::node(context, node)).collect()
}

fn node(context: &Context, node: &Node) -> TokenStream {
    let private = context.private();
    match node {
        Node::Layer(call) => {
            if let Run::Nets(ty) = &call.run {
                let (illia, layer, name) = (context.illia, field(context, call), &call.name);
                return quote! {
                    for block in &#layer {
                        x = #private::at(#name, <#ty as #illia::Net>::try_forward_t(block, &x, train))?;
                    }
                };
            }
            let run = run(context, call);
            // What a step took is let go of at once: its memory serves the next.
            quote!(x = #run;)
        }
        Node::Op(code) => quote!(x = #code;),
        Node::Residual { project, body } => {
            let skip = match project {
                Some(call) => run(context, call),
                None => quote!(x.shallow_clone()),
            };
            let body = nodes(context, body);
            quote! {{
                let skip = #skip;
                #body
                x = #private::add(&skip, &x)?;
            }}
        }
        Node::Concat { branches, shape } => {
            let branches = branches.iter().map(|branch| {
                let branch = nodes(context, branch);
                quote!({ let mut x = x.shallow_clone(); #branch x })
            });
            quote!(x = #private::concat(#shape, &[#(#branches),*])?;)
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
    let (illia, private) = (context.illia, context.private());
    let (layer, name) = (field(context, call), &call.name);
    match &call.run {
        Run::Forward => quote!(#private::at(#name, #layer.try_forward(&x))?),
        Run::ForwardT => quote!(#private::at(#name, #layer.try_forward_t(&x, train))?),
        Run::Plain => quote!(#private::at(#name, #private::plain(&#layer, &x, train))?),
        Run::Net(ty) | Run::Nets(ty) => {
            quote!(#private::at(#name, <#ty as #illia::Net>::try_forward_t(&#layer, &x, train))?)
        }
        Run::Module(shape) => quote!({
            let y = #illia::tch::nn::ModuleT::forward_t(&#layer, &x, train);
            #private::checked(#name, y, ::core::option::Option::Some(#shape), &x, &mut axes)?
        }),
    }
}
