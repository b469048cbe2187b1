//! What is known only when the net is made, as a struct: nets outside of this one fill it by name.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::Generics;

use super::Context;
use crate::generics::mentioned;

/// The net's parameters that its arguments' types mention.
pub fn generics(context: &Context) -> Generics {
    let types = context.net.arguments.iter().map(|argument| argument.ty.to_token_stream());
    mentioned(context.generics(), &types.collect())
}

pub fn structure(context: &Context) -> TokenStream {
    if !context.keeps_arguments() {
        return TokenStream::new();
    }
    let (vis, cfgs) = (&context.net.vis, context.cfgs());
    let name = format_ident!("__{}Arguments", context.name());
    let generics = generics(context);
    let fields = context.net.arguments.iter().map(|argument| {
        let (ident, ty) = (&argument.ident, &argument.ty);
        quote!(pub #ident: #ty)
    });
    let illia = context.illia;
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    quote! {
        #cfgs
        #[automatically_derived]
        impl #impl_generics #illia::Arguments for #name #ty_generics #where_clause {}

        #cfgs
        #[doc(hidden)]
        #[allow(dead_code, non_camel_case_types)]
        #[derive(::core::fmt::Debug, ::core::clone::Clone)]
        #vis struct #name #generics #where_clause {
            #(#fields,)*
        }
    }
}
