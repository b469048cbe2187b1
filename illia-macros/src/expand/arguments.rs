//! What is known only when the net is made, as a struct: nets outside of this one fill it by name.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{GenericParam, Generics, Token};

use super::{Context, idents};

/// The net's parameters that its arguments' types mention.
pub fn generics(context: &Context) -> Generics {
    let mut mentioned = std::collections::HashSet::new();
    for argument in &context.net.arguments {
        idents(argument.ty.to_token_stream(), &mut mentioned);
    }
    let params = context.generics().params.iter().filter(|param| match param {
        GenericParam::Lifetime(_) => false,
        param => mentioned.contains(&name_of(param)),
    });
    let params: Punctuated<GenericParam, Token![,]> = params.cloned().collect();
    let absent = context.generics().params.iter().filter(|param| !params.iter().any(|kept| kept == *param));
    let absent: Vec<String> = absent.map(name_of).collect();
    // What is demanded of them alone comes with them.
    let where_clause = context.generics().where_clause.clone().and_then(|mut clause| {
        let kept = clause.predicates.into_iter().filter(|predicate| {
            let mut mentioned = std::collections::HashSet::new();
            idents(predicate.to_token_stream(), &mut mentioned);
            !params.is_empty() && !absent.iter().any(|name| mentioned.contains(name))
        });
        clause.predicates = kept.collect();
        (!clause.predicates.is_empty()).then_some(clause)
    });
    Generics { params, where_clause, ..Generics::default() }
}

fn name_of(param: &GenericParam) -> String {
    match param {
        GenericParam::Type(ty) => ty.ident.to_string(),
        GenericParam::Const(c) => c.ident.to_string(),
        GenericParam::Lifetime(lifetime) => lifetime.lifetime.ident.to_string(),
    }
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
