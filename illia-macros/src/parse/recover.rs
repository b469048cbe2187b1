//! What is read of a step that can't be: where the next one begins, and its name, so that its field stays.

use proc_macro2::TokenTree;
use syn::parse::ParseStream;
use syn::{Attribute, Ident, Token};

use super::DEFAULTS;
use super::step::{Head, Step};

/// Whether a `;` comes before the next `,`.
pub fn ends_with_semicolon(input: ParseStream) -> bool {
    let ahead = input.fork();
    while !ahead.is_empty() && !ahead.peek(Token![,]) && !ahead.peek(Token![let]) {
        if ahead.peek(Token![;]) {
            return true;
        }
        if ahead.parse::<TokenTree>().is_err() {
            return false;
        }
    }
    false
}

/// To behind the next `;`.
pub fn skip_past_semicolon(input: ParseStream) {
    while !input.is_empty() {
        let end = input.peek(Token![;]);
        if input.parse::<TokenTree>().is_err() || end {
            return;
        }
    }
}

/// To behind the next `,` that is not within `<..>`. What looks like another step's beginning on the way (a comma or semicolon was
/// forgotten) is kept by its name, so that its field stays.
pub fn skip(input: ParseStream, steps: &mut Vec<Step>) {
    let (mut depth, mut before, mut first) = (0usize, ' ', true);
    while !input.is_empty() {
        let end = depth == 0 && input.peek(Token![,]);
        if !first && depth == 0 && before != ':' && begins_a_step(input) {
            steps.extend(broken(input));
        }
        first = false;
        let Ok(token) = input.parse::<TokenTree>() else { return };
        if end {
            return;
        }
        let punct = if let TokenTree::Punct(punct) = &token { punct.as_char() } else { ' ' };
        match punct {
            '<' => depth += 1,
            '>' if before != '-' && before != '=' => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = punct;
    }
}

/// `name: Layer`
fn begins_a_step(input: ParseStream) -> bool {
    input.peek(Ident) && input.peek2(Token![:]) && !input.peek2(Token![::]) && input.peek3(Ident)
}

/// What can be told of a step that can't be read: its name, so that the field stays.
pub fn broken(input: ParseStream) -> Option<Step> {
    let ahead = input.fork();
    let attrs = ahead.call(Attribute::parse_outer).ok()?;
    let vis = ahead.parse().ok()?;
    let span = ahead.span();
    let name: Option<Ident> = ahead.parse().ok();
    // `fc: Linear`, or what a slip has left of it: `fc Linear`, `fc = Linear`, `fc:: Linear`.
    let layer = |after: ParseStream| {
        let _ = after.parse::<Option<Token![::]>>();
        let _ = after.parse::<Option<Token![=]>>();
        after.parse::<Ident>().is_ok_and(|layer| layer.to_string().starts_with(char::is_uppercase))
    };
    let name = name.filter(|name| {
        let known = name.to_string().starts_with(|c: char| c.is_lowercase() || c == '_');
        (ahead.peek(Token![:]) && !ahead.peek(Token![::])) || (known && layer(&ahead.fork()))
    });
    let name = name.filter(|name| !DEFAULTS.contains(&name.to_string().as_str()));
    Some(Step {
        attrs,
        vis,
        name,
        head: Head::Broken,
        ops: Vec::new(),
        span,
        place: String::new(),
        starts: false,
        outputs: Vec::new(),
    })
}
