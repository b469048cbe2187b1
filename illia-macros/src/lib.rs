//! The macros of illia: [`bnn!`] declares a net, [`macro@bayesian`] makes a module of a struct of one's own.
//!
//! Depend on the facade `illia`, which re-exports both; its documentation has the language's reference.

mod bayesian;
mod bnn;
mod check;
mod dim;
mod errors;
mod expand;
mod generics;
mod model;
mod names;
mod parse;
mod poly;
mod say;
mod spans;
#[cfg(test)]
mod tests;
mod text;
mod words;

use proc_macro::TokenStream;

// Documented where the facade exports it, with examples that only compile there.
#[proc_macro]
pub fn bnn(input: TokenStream) -> TokenStream {
    bnn::expand(input.into()).into()
}

// As above.
#[proc_macro_attribute]
pub fn bayesian(args: TokenStream, item: TokenStream) -> TokenStream {
    bayesian::expand(args.into(), item.into()).into()
}
