//! The table: a line for each layer and each op that changes the shape.

use proc_macro2::TokenStream;
use quote::quote;

use super::Context;
use crate::check::shape_tokens;
use crate::model::Counted;

pub fn display(context: &Context) -> TokenStream {
    let (name, illia, private, cfgs) = (context.name(), context.illia, context.private(), context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let rows = context.model.rows.iter().map(|row| {
        let (title, kind, output) = (&row.name, &row.kind, shape_tokens(illia, &row.output));
        let made = match &row.of {
            Counted::Nothing => quote!(#private::Row::new(#title, #kind, #output)),
            Counted::Net(field, ty) => {
                let ident = context.model.fields.get(*field).map(|field| &field.ident);
                quote!(#private::Row::of(#title, #kind, #output, <#ty as #illia::Net>::as_module(&self.#ident)))
            }
            Counted::Field(field) => {
                let ident = context.model.fields.get(*field).map(|field| &field.ident);
                quote!(#private::Row::of(#title, #kind, #output, &self.#ident))
            }
        };
        match &row.estimator {
            Some(estimator) => quote!(#made.by(#estimator)),
            None => made,
        }
    });
    let text = name.to_string();
    let body = context.body(quote!(#private::summary(f, #text, Self::INPUT, Self::OUTPUT, &[#(#rows),*])));
    quote! {
        #cfgs
        #[automatically_derived]
        #[allow(trivial_numeric_casts, unused_variables, unused_parens, clippy::all)]
        impl #impl_generics ::core::fmt::Display for #name #ty_generics #where_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #body
            }
        }
    }
}
