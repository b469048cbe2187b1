//! The traversal: every layer once, by its dotted name.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use super::Context;
use super::forward::field;
use crate::model::{Call, Node, Part, Run};

pub fn visit(context: &Context) -> TokenStream {
    let (name, illia, cfgs) = (context.name(), context.illia, context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let shared = context.body(nodes(context, &context.model.nodes, false));
    let exclusive = context.body(nodes(context, &context.model.nodes, true));
    quote! {
        #cfgs
        #[automatically_derived]
        #[allow(trivial_numeric_casts, unused_variables, unused_parens, clippy::all)]
        impl #impl_generics #illia::BayesianModule for #name #ty_generics #where_clause {
            fn visit<'__a>(&'__a self, visitor: &mut #illia::Visitor<'__a>) {
                #shared
            }
            fn visit_mut(&mut self, visitor: &mut #illia::VisitorMut<'_>) {
                #exclusive
            }
        }
    }
}

fn nodes(context: &Context, list: &[Node], exclusive: bool) -> TokenStream {
    list.iter()
        .map(|node| match node {
            Node::Layer(call) => layer(context, call, exclusive),
            Node::Op(_) => TokenStream::new(),
            Node::Residual { project, body } => {
                let project = project.as_ref().map(|call| layer(context, call, exclusive));
                let body = nodes(context, body, exclusive);
                quote!(#project #body)
            }
            Node::Concat { branches, .. } => {
                branches.iter().map(|branch| nodes(context, branch, exclusive)).collect()
            }
            Node::Loop { count, index, body } => {
                let body = nodes(context, body, exclusive);
                if body.is_empty() { body } else { quote!(for #index in 0..#count { #body }) }
            }
            Node::Unrolled { bodies } => bodies.iter().map(|body| nodes(context, body, exclusive)).collect(),
        })
        .collect()
}

fn layer(context: &Context, call: &Call, exclusive: bool) -> TokenStream {
    let borrow = if exclusive { quote!(&mut) } else { quote!(&) };
    let layer = field(context, call);
    let mut pattern: Vec<String> = Vec::new();
    let mut indices = Vec::new();
    for part in &call.path {
        match part {
            Part::Name(name) => pattern.push(name.clone()),
            Part::Index(index) => {
                pattern.push("{}".into());
                indices.push(index);
            }
        }
    }
    let pattern = pattern.join(".");
    let name =
        if indices.is_empty() { quote!(#pattern) } else { quote!(&::std::format!(#pattern, #(#indices),*)) };
    if let Run::Net(ty) = &call.run {
        // Through the one trait that a net must have, so that a type which is none gives one error.
        let illia = context.illia;
        let show = Ident::new(if exclusive { "show_mut" } else { "show" }, Span::call_site());
        return quote!(<#ty as #illia::Net>::#show(#borrow #layer, #name, visitor););
    }
    quote!(visitor.module(#name, #borrow #layer);)
}
