//! The user's types that stand in the net: an alias for each, and a constant of what the net asks of it. All other code goes by these, so
//! that a type which does not exist, lacks a parameter, or is no net is one error.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;

use super::Context;
use crate::generics::mentioned;
use crate::model::Inner;
use crate::spans::{shown_at, span_of_first};

/// Beside the net: the aliases, and the constants that take none of its parameters.
pub fn items(context: &Context) -> TokenStream {
    let cfgs = context.cfgs();
    let items = context.model.inner.iter().map(|inner| {
        let Inner { written, alias, generic, .. } = inner;
        let generics = mentioned(context.generics(), written);
        let table = (!generic).then(|| table(context, inner));
        let table = table.map(|table| quote!(#cfgs #table));
        quote! {
            #cfgs
            #[allow(non_camel_case_types, type_alias_bounds, dead_code)]
            type #alias #generics = #written;
            #table
        }
    });
    items.collect()
}

/// Within its own `impl`: those that do.
pub fn constants(context: &Context) -> TokenStream {
    context.model.inner.iter().filter(|inner| inner.generic).map(|inner| table(context, inner)).collect()
}

/// `const __Net_inner0: NetOf<__NetInner0> = net_of();`
fn table(context: &Context, inner: &Inner) -> TokenStream {
    let private = context.private();
    let Inner { written, alias, table, net, .. } = inner;
    let generics = mentioned(context.generics(), written);
    let (_, parameters, _) = generics.split_for_impl();
    let (of, make) =
        if *net { (quote!(NetOf), quote!(net_of)) } else { (quote!(ModuleOf), quote!(module_of)) };
    let made = shown_at(span_of_first(written), quote!(#private::#make::<#alias #parameters>()));
    quote! {
        #[allow(non_upper_case_globals, dead_code)]
        const #table: #private::#of<#alias #parameters> = #made;
    }
}

/// A field's type without aliases, if there are any in it.
pub fn as_written(context: &Context, ty: TokenStream) -> Option<TokenStream> {
    let mut found = false;
    let mut out = Vec::new();
    let mut tokens = ty.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) => {
                match context.model.inner.iter().find(|inner| inner.alias == ident) {
                    Some(inner) => {
                        found = true;
                        out.extend(inner.written.clone());
                        // The alias's parameters, which are names alone.
                        if matches!(tokens.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == '<') {
                            for skipped in tokens.by_ref() {
                                if matches!(&skipped, TokenTree::Punct(punct) if punct.as_char() == '>') {
                                    break;
                                }
                            }
                        }
                    }
                    None => out.push(TokenTree::Ident(ident)),
                }
            }
            TokenTree::Group(group) => match as_written(context, group.stream()) {
                Some(inside) => {
                    found = true;
                    out.push(TokenTree::Group(proc_macro2::Group::new(group.delimiter(), inside)));
                }
                None => out.push(TokenTree::Group(group)),
            },
            token => out.push(token),
        }
    }
    found.then(|| out.into_iter().collect())
}
