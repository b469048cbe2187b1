//! Words that an editor may complete: of each, what it could have been.
//!
//! An editor completes a half-written word where it stands in what a macro gives. A mistake leaves no trace there but its message, so
//! these words get a place of their own, beside names for all that they could be, which only rust-analyzer sees.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;

/// The words found so far.
#[derive(Default)]
pub struct Words(Vec<(Ident, Vec<Ident>)>);

impl Words {
    /// A word, and the words that could stand in its place.
    pub fn add<'a>(&mut self, word: &Ident, known: impl IntoIterator<Item = &'a str>) {
        let known = known.into_iter().filter(|name| syn::parse_str::<Ident>(name).is_ok());
        let mut known: Vec<Ident> = known.map(|name| Ident::new(name, Span::call_site())).collect();
        known.sort();
        known.dedup();
        self.0.push((word.clone(), known));
    }

    /// For each a function whose parameters are the known words, and in it the word.
    pub fn to_tokens(&self) -> TokenStream {
        let each = self.0.iter().map(|(word, known)| {
            quote! {
                #[allow(unexpected_cfgs)]
                const _: () = {
                    #[cfg(rust_analyzer)]
                    #[allow(non_snake_case, unused_variables, dead_code)]
                    fn __known(#(#known: ()),*) {
                        #word
                    }
                };
            }
        });
        each.collect()
    }
}
