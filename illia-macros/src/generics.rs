//! The parameters of a net, as far as a part of it takes them.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::{GenericParam, Generics, Token};

/// The parameters that some tokens mention, with what is demanded of them alone.
pub fn mentioned(all: &Generics, tokens: &TokenStream) -> Generics {
    let mut names = HashSet::new();
    idents(tokens.clone(), &mut names);
    let params = all.params.iter().filter(|param| match param {
        GenericParam::Lifetime(_) => false,
        param => names.contains(&name_of(param)),
    });
    let params: Punctuated<GenericParam, Token![,]> = params.cloned().collect();
    let absent = all.params.iter().filter(|param| !params.iter().any(|kept| kept == *param));
    let absent: Vec<String> = absent.map(name_of).collect();
    let where_clause = all.where_clause.clone().and_then(|mut clause| {
        let kept = clause.predicates.into_iter().filter(|predicate| {
            let mut names = HashSet::new();
            idents(predicate.to_token_stream(), &mut names);
            !params.is_empty() && !absent.iter().any(|name| names.contains(name))
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

/// All names in some tokens.
pub fn idents(tokens: TokenStream, found: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                found.insert(ident.to_string());
            }
            TokenTree::Group(group) => idents(group.stream(), found),
            _ => {}
        }
    }
}
