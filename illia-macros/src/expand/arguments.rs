//! What is known only when the net is made, as a struct: nets outside of this one fill it by name.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{GenericParam, Generics};

use super::{Context, idents};

/// The net's parameters that its arguments' types mention.
pub fn generics(context: &Context) -> Generics {
    let mut mentioned = std::collections::HashSet::new();
    for argument in &context.net.arguments {
        idents(argument.ty.to_token_stream(), &mut mentioned);
    }
    let params = context.generics().params.iter().filter(|param| match param {
        GenericParam::Type(ty) => mentioned.contains(&ty.ident.to_string()),
        GenericParam::Const(c) => mentioned.contains(&c.ident.to_string()),
        GenericParam::Lifetime(_) => false,
    });
    Generics { params: params.cloned().collect(), ..Generics::default() }
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
    quote! {
        #cfgs
        #[doc(hidden)]
        #[allow(dead_code, non_camel_case_types)]
        #[derive(::core::fmt::Debug, ::core::clone::Clone)]
        #vis struct #name #generics {
            #(#fields,)*
        }
    }
}
