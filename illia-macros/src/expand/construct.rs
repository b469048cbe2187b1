//! The constructor: each field's layer, at the path of its name.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use super::Context;
use crate::model::{Call, Make, Node, Part};

pub fn body(context: &Context) -> TokenStream {
    let name = context.name();
    let idents: Vec<&Ident> = context.model.fields.iter().map(|field| &field.ident).collect();
    // Of the macro's own, so that a step may be called `p`. A statement each: within one expression the compiler would
    // keep every layer's temporaries, and check each way out of it against all of them.
    let locals = idents.iter().map(|ident| {
        let mut local = (*ident).clone();
        local.set_span(Span::mixed_site());
        local
    });
    let locals: Vec<Ident> = locals.collect();
    let makes = (0..idents.len()).map(|field| {
        make(context, &context.model.nodes, field).unwrap_or_else(|| quote!(::core::unimplemented!()))
    });
    quote! {
        #(let #locals = #makes?;)*
        ::core::result::Result::Ok(#name { #(#idents: #locals,)* })
    }
}

/// An expression of type `Result` for a field's value.
fn make(context: &Context, nodes: &[Node], field: usize) -> Option<TokenStream> {
    let private = context.private();
    nodes.iter().find_map(|node| match node {
        Node::Layer(call) if call.field == field => Some(layer(context, call)),
        Node::Residual { project: Some(call), .. } if call.field == field => Some(layer(context, call)),
        Node::Residual { body, .. } => make(context, body, field),
        Node::Concat { branches, .. } => branches.iter().find_map(|branch| make(context, branch, field)),
        Node::Loop { count, index, body } => {
            let inner = make(context, body, field)?;
            Some(quote!(#private::repeat(#count, |#index| #inner)))
        }
        Node::Unrolled { bodies } => {
            let each: Option<Vec<TokenStream>> =
                bodies.iter().map(|body| make(context, body, field)).collect();
            let each = each?;
            Some(quote!(#private::list([#(#each),*])))
        }
        Node::Layer(_) | Node::Op(_) => None,
    })
}

fn layer(context: &Context, call: &Call) -> TokenStream {
    let (illia, private) = (context.illia, context.private());
    let parts = call.path.iter().map(|part| match part {
        Part::Name(name) => quote!(#name),
        Part::Index(index) => quote!(#index),
    });
    let path = quote!(&(p #(/ #parts)*));
    match &call.make {
        Make::Function { function, arguments } => quote!(#function(#path, #arguments)),
        Make::Net { ty, posterior } => quote!(<#ty as #illia::Net>::try_with(#path, #posterior)),
        Make::Nets { ty, posterior } => {
            quote!(#private::array(#path, |p| <#ty as #illia::Net>::try_with(p, #posterior)))
        }
        Make::Module { function, arguments } => {
            quote!(::core::result::Result::<_, #illia::Error>::Ok(#function(#path, #arguments)))
        }
        Make::Broken => quote!(::core::unimplemented!()),
    }
}
