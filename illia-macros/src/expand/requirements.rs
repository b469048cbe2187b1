//! What only the compiler can decide: assertions in constants, whose sentences carry the numbers. Where they are known when
//! the net is compiled, beside it; where they take the const parameters' values, at instantiation.
//!
//! A trait bound with a message of its own could say the same, but adds what the compiler says of the trait, and its
//! attribute can't be written under `#![no_implicit_prelude]`.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::Context;
use crate::dim::Level;
use crate::model::{Checked, Requirement};
use crate::say::Piece;
use crate::spans::called;

/// The shapes behind nets that stand in the net, and whether they are sound: beside it, or within its own `impl` if they take its parameters.
pub fn shapes(context: &Context, generic: bool) -> TokenStream {
    let (illia, cfgs) = (context.illia, if generic { TokenStream::new() } else { context.cfgs() });
    // After a mistake nothing is asked.
    let sounds = context.model.sounds.iter().filter(|sound| sound.generic == generic && !context.broken);
    let shapes = context.model.shapes.iter().filter(|shape| shape.generic == generic);
    shapes
        .map(|shape| {
            let (name, tokens) = (&shape.name, &shape.tokens);
            constant(quote!(#cfgs), name, quote!(#illia::Shape), tokens)
        })
        .chain(sounds.map(|sound| constant(quote!(#cfgs), &sound.name, quote!(bool), &sound.tokens)))
        .collect()
}

fn constant(cfgs: TokenStream, name: &Ident, ty: TokenStream, tokens: &TokenStream) -> TokenStream {
    quote! {
        #cfgs
        #[allow(non_upper_case_globals, dead_code, trivial_numeric_casts, unused_parens, clippy::all)]
        const #name: #ty = #tokens;
    }
}

/// Checks that stand beside the net.
pub fn items(context: &Context) -> TokenStream {
    let (private, illia, cfgs) = (context.private(), context.illia, context.cfgs());
    let name = context.name();
    let plain = context.model.requirements.iter().filter(|requirement| requirement.level == Level::Item);
    let checks: Vec<TokenStream> = plain
        .map(|requirement| {
            let check = assertion(context, requirement);
            quote!(const _: () = #check;)
        })
        .collect();
    let sizes: Vec<&TokenStream> =
        context.model.sizes.iter().filter(|(_, level)| *level == Level::Item).map(|(t, _)| t).collect();
    let integers = (!sizes.is_empty()).then(|| quote!(const _: () = { #(#private::is_size(#sizes);)* };));
    // A net without parameters is checked with all that is in it when it is compiled.
    let whole = (!context.broken && context.generics().params.is_empty() && checked(context).is_some())
        .then(|| quote!(const _: () = <#name as #illia::Net>::CHECKED;));
    if checks.is_empty() && integers.is_none() && whole.is_none() {
        return TokenStream::new();
    }
    quote! {
        #cfgs
        #[allow(trivial_numeric_casts, unused_parens, unused_braces, dead_code, clippy::all)]
        const _: () = {
            #integers
            #(#checks)*
            #whole
        };
    }
}

/// `const CHECKED`, if there is anything in it.
pub fn checked(context: &Context) -> Option<TokenStream> {
    let private = context.private();
    if context.broken {
        return None;
    }
    let generic = context
        .model
        .requirements
        .iter()
        .filter(|requirement| matches!(requirement.level, Level::Param | Level::Generic));
    let checks: Vec<TokenStream> = generic.map(|requirement| assertion(context, requirement)).collect();
    let sizes: Vec<&TokenStream> = context
        .model
        .sizes
        .iter()
        .filter(|(_, level)| matches!(level, Level::Param | Level::Generic))
        .map(|(t, _)| t)
        .collect();
    let nets: Vec<&TokenStream> = context.model.nets.iter().map(|net| &net.of.table).collect();
    if checks.is_empty() && nets.is_empty() && sizes.is_empty() {
        return None;
    }
    Some(quote! {
        const CHECKED: () = {
            #(#private::is_size(#sizes);)*
            #(#checks;)*
            #(let () = #nets.checked;)*
        };
    })
}

/// What only then can be checked, before anything is made; none if there is nothing.
pub fn check(context: &Context) -> Option<TokenStream> {
    let (illia, private) = (context.illia, context.private());
    if context.broken {
        return None;
    }
    let made = context.model.requirements.iter().filter(|requirement| requirement.level == Level::Made);
    let demands: Vec<TokenStream> = made
        .map(|Requirement { holds, step, say, .. }| {
            let mut text = String::new();
            let mut values = Vec::new();
            for piece in &say.pieces {
                match piece {
                    Piece::Text(piece) => text.push_str(&piece.replace('{', "{{").replace('}', "}}")),
                    Piece::Number(tokens, _) | Piece::Shape(tokens, _) | Piece::Real(tokens, _) => {
                        text.push_str("{}");
                        values.push(tokens.clone());
                    }
                    Piece::Names(ports, _) => {
                        text.push_str("{}");
                        values.push(quote!(#private::Message::new().names(#ports).as_str()));
                    }
                }
            }
            let net = context.name().to_string();
            let step = if step.is_empty() { &net } else { step };
            quote!(#private::demand(#step, #holds, ::core::format_args!(#text, #(#values),*))?;)
        })
        .collect();
    let net = context.name().to_string();
    let families: Vec<TokenStream> = context
        .model
        .families
        .iter()
        .map(|(step, family)| {
            let step = if step.is_empty() { &net } else { step };
            quote!(#private::at(#step, #family.validate())?;)
        })
        .collect();
    let sizes: Vec<&TokenStream> =
        context.model.sizes.iter().filter(|(_, level)| *level == Level::Made).map(|(t, _)| t).collect();
    let nets = context.model.nets.iter().filter_map(|Checked { of, arguments }| {
        let ty = &of.ty;
        let (step, arguments) = arguments.as_ref()?;
        Some(quote!(#private::at(#step, <#ty as #illia::Net>::check(&#arguments))?;))
    });
    let nets: Vec<TokenStream> = nets.collect();
    if demands.is_empty() && families.is_empty() && nets.is_empty() && sizes.is_empty() {
        return None;
    }
    let body = context.bind(
        quote! {
            #(#private::is_size(#sizes);)*
            #(#demands)*
            #(#families)*
            #(#nets)*
            ::core::result::Result::Ok(())
        },
        quote!(__arguments),
    );
    Some(quote! {
        fn check(__arguments: &Self::Arguments) -> ::core::result::Result<(), #illia::Error> {
            #body
        }
    })
}

/// `require(holds, &Message::new().text(..).number(..))`, the error at the user's token.
fn assertion(context: &Context, requirement: &Requirement) -> TokenStream {
    let private = context.private();
    let Requirement { span, given, holds, say, .. } = requirement;
    let holds = if given.is_empty() { holds.clone() } else { quote!(!(#(#given)&&*) || (#holds)) };
    let pieces = joined(&say.pieces);
    let pieces = pieces.iter().map(|piece| match piece {
        Piece::Text(text) => quote!(.text(#text)),
        Piece::Number(tokens, _) => quote!(.number(#tokens)),
        Piece::Shape(tokens, _) => quote!(.shape(#tokens)),
        Piece::Real(tokens, _) => quote!(.real(#tokens)),
        Piece::Names(ports, _) => quote!(.names(#ports)),
    });
    called(*span, quote!(#private::require), quote!(#holds, &#private::Message::new() #(#pieces)*))
}

/// Neighbouring words in one.
fn joined(pieces: &[Piece]) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::new();
    for piece in pieces {
        match (out.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => before.push_str(text),
            _ => out.push(piece.clone()),
        }
    }
    out
}
