//! The traversal: every layer once, by its dotted name.

use proc_macro2::TokenStream;
use quote::quote;

use super::Context;
use super::forward::field;
use crate::model::{Call, Node, Part};

pub fn visit(context: &Context) -> TokenStream {
    let (name, illia, cfgs) = (context.name(), context.illia, context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let shared = context.body(nodes(context, &context.model.nodes, &quote!(&)));
    let exclusive = context.body(nodes(context, &context.model.nodes, &quote!(&mut)));
    quote! {
        #cfgs
        #[automatically_derived]
        #[allow(trivial_numeric_casts, unused_variables, unused_parens, clippy::all)]
        impl #impl_generics #illia::BayesianModule for #name #ty_generics #where_clause {
            fn visit(&self, visitor: &mut #illia::Visitor<'_>) {
                #shared
            }
            fn visit_mut(&mut self, visitor: &mut #illia::VisitorMut<'_>) {
                #exclusive
            }
        }
    }
}

fn nodes(context: &Context, list: &[Node], borrow: &TokenStream) -> TokenStream {
    list.iter()
        .map(|node| match node {
            Node::Layer(call) => layer(context, call, borrow),
            Node::Op(_) => TokenStream::new(),
            Node::Residual { project, body } => {
                let project = project.as_ref().map(|call| layer(context, call, borrow));
                let body = nodes(context, body, borrow);
                quote!(#project #body)
            }
            Node::Concat { branches, .. } => {
                branches.iter().map(|branch| nodes(context, branch, borrow)).collect()
            }
            Node::Loop { count, index, body } => {
                let body = nodes(context, body, borrow);
                if body.is_empty() { body } else { quote!(for #index in 0..#count { #body }) }
            }
            Node::Unrolled { bodies } => bodies.iter().map(|body| nodes(context, body, borrow)).collect(),
        })
        .collect()
}

fn layer(context: &Context, call: &Call, borrow: &TokenStream) -> TokenStream {
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
    if indices.is_empty() {
        quote!(visitor.module(#pattern, #borrow #layer);)
    } else {
        quote!(visitor.module(&::std::format!(#pattern, #(#indices),*), #borrow #layer);)
    }
}
