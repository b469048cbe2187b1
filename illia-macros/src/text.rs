//! Tokens as text.

use quote::ToTokens;
use syn::Ident;

/// Tokens as a person would write them.
pub fn shown(tokens: impl ToTokens) -> String {
    let text = tokens.to_token_stream().to_string();
    let mut out = text.clone();
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" ::", "::"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" ,", ","),
        (" < ", "<"),
        (" >", ">"),
        ("< ", "<"),
        ("[ ", "["),
        (" ]", "]"),
        (" :", ":"),
        (" .", "."),
        (". ", "."),
        ("& '", "&'"),
    ] {
        out = out.replace(from, to);
    }
    // Behind an operator a parenthesis or an angle is no argument's.
    for operator in ['+', '-', '*', '/', '%', '=', '|', '&'] {
        out = out.replace(&format!(" {operator}("), &format!(" {operator} ("));
    }
    out = out.replace(" <<", " << ").replace(" <(", "<(");
    match out.strip_prefix("- ") {
        Some(number) => format!("-{number}"),
        None => out,
    }
}

/// Tokens as text without spaces, which the compiler sets as it likes.
pub fn packed(tokens: impl ToTokens) -> String {
    tokens.to_token_stream().to_string().split_whitespace().collect()
}

/// An identifier without `r#`.
pub fn unraw(ident: &Ident) -> String {
    let text = ident.to_token_stream().to_string();
    text.trim_start_matches("r#").to_owned()
}
