//! The traversal: every layer once, by its dotted name.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

use super::Context;
use super::forward::{as_module, field};
use crate::model::{Call, Node, Part, Typed};

pub fn visit(context: &Context) -> TokenStream {
    let (name, illia, cfgs) = (context.name(), context.illia, context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let shared = context.body(context.with_arguments(nodes(context, &context.model.nodes, false)));
    let exclusive = context.body(context.with_arguments(nodes(context, &context.model.nodes, true)));
    let run = if context.model.unbatched {
        quote!(Self::try_forward_t(self, __input, __train))
    } else {
        quote!(<Self as #illia::Net>::try_forward_t(self, __input, __train))
    };
    let forward = context.is_single().then(|| {
        quote! {
            fn try_forward_module(
                &self,
                __input: &#illia::tch::Tensor,
                __train: bool,
            ) -> ::core::option::Option<::core::result::Result<#illia::tch::Tensor, #illia::Error>> {
                ::core::option::Option::Some(#run)
            }
        }
    });
    let asked = context.model.asked.iter().filter_map(|(field, net)| {
        let ident = &context.model.fields.get(*field)?.ident;
        let module = match net {
            Some(typed) => as_module(typed, quote!(&self.#ident)),
            None => quote!(&self.#ident),
        };
        Some(quote!(#illia::BayesianModule::per_example(#module)))
    });
    let asked: Vec<TokenStream> = asked.collect();
    let together = context.model.together || context.model.unbatched;
    let per_example = context.body(match (together, asked.is_empty()) {
        (true, _) => quote!(false),
        (false, true) => quote!(true),
        (false, false) => quote!(#(#asked)&&*),
    });
    let in_graph = super::export::in_graph(context);
    let structure = super::structure::method(context);
    quote! {
        #cfgs
        #[automatically_derived]
        #[allow(trivial_numeric_casts, unused_imports, unused_variables, unused_mut, unused_assignments, unused_parens, unused_braces, clippy::all)]
        impl #impl_generics #illia::BayesianModule for #name #ty_generics #where_clause {
            fn visit<'__a>(&'__a self, __visitor: &mut #illia::Visitor<'__a>) {
                #shared
            }
            fn visit_mut(&mut self, __visitor: &mut #illia::VisitorMut<'_>) {
                #exclusive
            }
            #forward
            #in_graph
            #structure
            fn per_example(&self) -> bool {
                #per_example
            }
        }
    }
}

fn nodes(context: &Context, list: &[Node], exclusive: bool) -> TokenStream {
    list.iter()
        .map(|node| match node {
            Node::Layer(call) => layer(context, call, exclusive),
            Node::Op { .. } | Node::Again(_) | Node::Let(_) | Node::From(_) => TokenStream::new(),
            Node::Block(body) | Node::Each(body) => nodes(context, body, exclusive),
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
    let Some(Typed { table, .. }) = call.run.typed().filter(|_| !call.run.is_list()) else {
        return quote!(__visitor.module(#name, #borrow #layer););
    };
    let show = Ident::new(if exclusive { "show_mut" } else { "show" }, Span::call_site());
    quote!((#table.#show)(#borrow #layer, #name, __visitor);)
}
