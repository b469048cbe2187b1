//! What is known only when the net is made, as a struct: nets outside of this one fill it by name.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Generics, Ident};

use super::Context;
use crate::generics::mentioned;
use crate::spans::{shown_at, span_of_first};
use crate::text::unraw;

/// The net's parameters that its arguments' types mention.
pub fn generics(context: &Context) -> Generics {
    let types = context.net.arguments.iter().map(|argument| argument.ty.to_token_stream());
    mentioned(context.generics(), &types.collect())
}

/// What gives an argument's value: the one place that asks for its `Clone`.
pub fn getter(argument: &Ident) -> Ident {
    format_ident!("__{}", argument)
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
    let getters = context.net.arguments.iter().map(|argument| {
        let (ident, ty, getter) = (&argument.ident, &argument.ty, getter(&argument.ident));
        let span = span_of_first(&ty.to_token_stream());
        let clone = shown_at(span, quote!(::core::clone::Clone::clone(&self.#ident)));
        quote! {
            fn #getter(&self) -> #ty {
                #clone
            }
        }
    });
    let text = context.name().to_string();
    let shown = context.net.arguments.iter().map(|argument| {
        let (ident, said) = (&argument.ident, unraw(&argument.ident));
        let shown = shown_at(span_of_first(&argument.ty.to_token_stream()), quote!(&self.#ident));
        quote!(.field(#said, #shown))
    });
    let names = context.net.arguments.iter().map(|argument| &argument.ident);
    let cloned = context.net.arguments.iter().map(|argument| self::getter(&argument.ident));
    let illia = context.illia;
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    quote! {
        #cfgs
        #[automatically_derived]
        impl #impl_generics #illia::Arguments for #name #ty_generics #where_clause {}

        #cfgs
        #[doc(hidden)]
        #[allow(dead_code, non_camel_case_types)]
        #vis struct #name #generics #where_clause {
            #(#fields,)*
        }

        #cfgs
        #[automatically_derived]
        #[allow(dead_code)]
        impl #impl_generics #name #ty_generics #where_clause {
            #(#getters)*
        }

        #cfgs
        #[automatically_derived]
        impl #impl_generics ::core::fmt::Debug for #name #ty_generics #where_clause {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                __f.debug_struct(#text) #(#shown)* .finish()
            }
        }

        #cfgs
        #[automatically_derived]
        impl #impl_generics ::core::clone::Clone for #name #ty_generics #where_clause {
            fn clone(&self) -> Self {
                #name { #(#names: self.#cloned(),)* }
            }
        }
    }
}
