//! The table: a line for each layer and each op that changes the shape.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::Context;
use super::visit::as_module;
use crate::check::{shape_tokens, unraw};
use crate::dim::Shape;
use crate::model::Counted;

pub fn display(context: &Context) -> TokenStream {
    let (name, illia, private, cfgs) = (context.name(), context.illia, context.private(), context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let rows = context.model.rows.iter().map(|row| {
        let (title, kind, output) = (&row.name, &row.kind, shape_tokens(illia, &row.output));
        let made = match &row.of {
            Counted::Nothing => quote!(#private::Row::new(#title, #kind, #output)),
            Counted::Module(field, typed) => {
                let ident = context.model.fields.get(*field).map(|field| &field.ident);
                let module = as_module(typed, quote!(&self.#ident));
                quote!(#private::Row::of(#title, #kind, #output, #module))
            }
            Counted::Field(field) => {
                let ident = context.model.fields.get(*field).map(|field| &field.ident);
                quote!(#private::Row::of(#title, #kind, #output, &self.#ident))
            }
        };
        match &row.of {
            Counted::Field(field) if row.estimator => {
                let ident = context.model.fields.get(*field).map(|field| &field.ident);
                quote!(#made.by(#private::Estimated::estimator(&self.#ident)))
            }
            _ => made,
        }
    });
    let text = name.to_string();
    let ports = |list: &[(Option<Ident>, Shape)]| {
        let each = list.iter().map(|(name, shape)| {
            let name = name.as_ref().map(unraw).unwrap_or_default();
            let shape = shape_tokens(illia, shape);
            quote!((#name, #shape))
        });
        quote!(&[#(#each),*])
    };
    let (inputs, outputs) = (ports(&context.model.inputs), ports(&context.model.outputs));
    let body = quote!(#private::summary(__f, #text, #inputs, #outputs, &[#(#rows),*]));
    let body = context.body(context.with_arguments(body));
    quote! {
        #cfgs
        #[automatically_derived]
        #[allow(trivial_numeric_casts, unused_variables, unused_parens, clippy::all)]
        impl #impl_generics ::core::fmt::Display for #name #ty_generics #where_clause {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #body
            }
        }
    }
}
