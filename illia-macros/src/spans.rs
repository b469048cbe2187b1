//! Where the compiler shows what it has to say of generated tokens.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::quote;

/// The place of the first of some tokens.
pub fn span_of_first(tokens: &TokenStream) -> Span {
    tokens.clone().into_iter().next().map_or_else(Span::call_site, |token| token.span())
}

/// Generated tokens, shown at the user's: what the compiler has to say of them points there.
pub fn shown_at(span: Span, tokens: TokenStream) -> TokenStream {
    let place = |token: TokenTree| -> TokenTree {
        let mut token = match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), shown_at(span, group.stream()));
                inner.set_span(group.span().located_at(span));
                return TokenTree::Group(inner);
            }
            token => token,
        };
        token.set_span(token.span().located_at(span));
        token
    };
    tokens.into_iter().map(place).collect()
}

/// A call that is shown at the user's type; its arguments are where they are.
pub fn called(span: Span, function: TokenStream, arguments: TokenStream) -> TokenStream {
    let function = shown_at(span, function);
    let mut given = Group::new(Delimiter::Parenthesis, arguments);
    given.set_span(span);
    let given = TokenTree::Group(given);
    quote!(#function #given)
}
