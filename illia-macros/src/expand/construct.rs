//! The constructor: each field's layer, at the path of its name.

use proc_macro2::TokenStream;
use quote::quote;

use super::Context;
use crate::model::{Call, Make, Node, Part};

pub fn body(context: &Context) -> TokenStream {
    let name = context.name();
    let fields = context.model.fields.iter().enumerate().map(|(i, field)| {
        let ident = &field.ident;
        let make = make(context, &context.model.nodes, i).unwrap_or_else(|| quote!(::core::unimplemented!()));
        quote!(#ident: #make?)
    });
    quote!(::core::result::Result::Ok(#name { #(#fields,)* }))
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
