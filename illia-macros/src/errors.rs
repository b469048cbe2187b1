//! Errors are collected, so that one compile reports every mistake.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The mistakes found so far.
#[derive(Default)]
pub struct Errors {
    list: Vec<syn::Error>,
}

impl Errors {
    /// A mistake at these tokens.
    pub fn at(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.list.push(syn::Error::new_spanned(tokens, message));
    }

    /// A mistake at this place.
    pub fn span(&mut self, span: Span, message: impl std::fmt::Display) {
        self.list.push(syn::Error::new(span, message));
    }

    /// A mistake that the parser found.
    pub fn push(&mut self, error: syn::Error) {
        self.list.push(error);
    }

    /// Another list's mistakes.
    pub fn extend(&mut self, other: Errors) {
        self.list.extend(other.list);
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// Forgets all but the first so many: what followed from a guess.
    pub fn truncate(&mut self, count: usize) {
        self.list.truncate(count);
    }

    /// All of them, as `compile_error!`s.
    pub fn to_tokens(&self) -> TokenStream {
        self.list.iter().map(syn::Error::to_compile_error).collect()
    }
}
