//! Chains: `name: Layer(args) -> op -> op,` and `let name = ..;`, one behind the other to the end of a block.

use proc_macro2::TokenTree;
use syn::parse::ParseStream;
use syn::parse::discouraged::Speculative;
use syn::{Attribute, Ident, Token, Visibility, bracketed, parenthesized, token};

use super::DEFAULTS;
use super::recover::{broken, ends_with_semicolon, skip, skip_past_semicolon};
use super::step::{Head, Step, step};
use crate::errors::Errors;

/// Steps up to the end of a block.
pub fn steps(input: ParseStream, errors: &mut Errors) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut place = 0;
    while !input.is_empty() {
        place += 1;
        if !input.peek(Token![let]) && !lets(input) && ends_with_semicolon(input) {
            let name = input.fork().parse::<Ident>().ok();
            let default = name.as_ref().is_some_and(|name| DEFAULTS.contains(&name.to_string().as_str()));
            let assigned = name.is_some() && input.peek2(Token![=]);
            let said = name.as_ref().map_or_else(|| "this".into(), |name| format!("`{name}`"));
            errors.push(input.error(if input.peek(Token![return]) {
                "nothing is returned: what comes out is what flows at last, or the values of the outputs' names".to_owned()
            } else if default {
                format!("{said} is a default of the whole net: defaults come first, before any step")
            } else if ["lora", "bias_prior"].iter().any(|setting| name.as_ref().is_some_and(|name| name == setting)) {
                format!("{said} is set for one layer, by name, `fc: Linear(8, {}: ..)`; the defaults of a net are its `prior`, `posterior` and `estimator`", said.trim_matches('`'))
            } else if assigned {
                format!("a value gets its name by `let`: `let {} = ..;`", said.trim_matches('`'))
            } else {
                format!("{said} ends with `;`: a step ends with `,`")
            }));
            if !default {
                steps.extend(broken(input));
            }
            skip_past_semicolon(input);
            continue;
        }
        let ahead = input.fork();
        let mut inner = Errors::default();
        match chain(&ahead, place - 1, &mut inner) {
            Ok(chain) => {
                input.advance_to(&ahead);
                errors.extend(inner);
                steps.extend(chain);
            }
            Err(error) => {
                errors.extend(inner);
                errors.push(error);
                let named = lets(input);
                let fresh = broken(input);
                steps.extend(fresh);
                if named { skip_past_semicolon(input) } else { skip(input, &mut steps) }
            }
        }
    }
    steps
}

/// Whether a `let` comes next, attributes aside.
fn lets(input: ParseStream) -> bool {
    let ahead = input.fork();
    ahead.call(Attribute::parse_outer).is_ok() && ahead.peek(Token![let])
}

/// `a: Linear(8) -> relu -> b: Linear(4),` or `let name = ..;`: a step for each layer and block.
fn chain(input: ParseStream, place: usize, errors: &mut Errors) -> syn::Result<Vec<Step>> {
    let attrs = input.call(Attribute::parse_outer)?;
    if !input.peek(Token![let]) {
        let steps = links(input, attrs, place, errors)?;
        end_of(&steps, input)?;
        return Ok(steps);
    }
    input.parse::<Token![let]>()?;
    let mut outputs = Vec::new();
    let mut name = None;
    if input.peek(token::Paren) {
        let content;
        parenthesized!(content in input);
        let list = content.parse_terminated(output, Token![,])?.into_iter().enumerate();
        outputs = list
            .map(
                |(i, name)| {
                    if name == IGNORED { Ident::new(&format!("{IGNORED}{i}"), name.span()) } else { name }
                },
            )
            .collect();
    } else {
        if input.peek(Token![mut]) {
            return Err(input.error("a named value does not change: leave `mut` out"));
        }
        name = Some(input.parse::<Ident>()?);
    }
    if input.peek(Token![:]) {
        return Err(input.error(
            "a named value has no type, since its shape follows: `let name = fc: Linear(16) -> relu;`",
        ));
    }
    if !input.peek(Token![=]) {
        return Err(input.error("expected `=` and a chain: `let name = fc: Linear(16) -> relu;`"));
    }
    input.parse::<Token![=]>()?;
    let mut steps = links(input, attrs, place, errors)?;
    if !input.peek(Token![;]) {
        return Err(input.error("expected `;` after a `let`, or `-> op`"));
    }
    input.parse::<Token![;]>()?;
    if let (Some(last), [first, ..]) = (steps.last_mut(), outputs.as_slice()) {
        if !matches!(last.head, Head::Layer(_)) || !last.ops.is_empty() {
            return Err(syn::Error::new(
                first.span(),
                "several names are for what a net of several outputs gives: `let (a, b) = heads: Heads;`",
            ));
        }
        last.outputs = outputs;
    }
    steps.extend(name.map(|name| Step {
        attrs: Vec::new(),
        vis: Visibility::Inherited,
        span: name.span(),
        name: None,
        head: Head::Let(name),
        ops: Vec::new(),
        place: place.to_string(),
        starts: false,
        outputs: Vec::new(),
    }));
    Ok(steps)
}

/// How a value that nobody asks for begins, where `_` was written.
pub const IGNORED: &str = "_ignored";

/// A name, or `_`.
fn output(input: ParseStream) -> syn::Result<Ident> {
    if input.peek(Token![_]) {
        let underscore: Token![_] = input.parse()?;
        return Ok(Ident::new(IGNORED, underscore.span));
    }
    input.parse()
}

/// What `->` joins.
fn links(
    input: ParseStream,
    attrs: Vec<Attribute>,
    place: usize,
    errors: &mut Errors,
) -> syn::Result<Vec<Step>> {
    let mut first = step(input, attrs, true, errors)?;
    first.place = place.to_string();
    let mut steps = vec![first];
    while input.peek(Token![->]) {
        input.parse::<Token![->]>()?;
        if input.is_empty() || input.peek(Token![,]) || input.peek(Token![;]) {
            return Err(input.error("expected an op behind `->`"));
        }
        if begins_a_layer(input) {
            let attrs = input.call(Attribute::parse_outer)?;
            let mut next = step(input, attrs, false, errors)?;
            next.place = format!("{place}_{}", steps.len());
            steps.push(next);
        } else if let Some(last) = steps.last_mut() {
            last.ops.push(input.parse()?);
        }
    }
    Ok(steps)
}

/// Whether behind `->` a layer or a block follows rather than an op: `name: Layer`, `{ .. }`, `residual { .. }`.
fn begins_a_layer(input: ParseStream) -> bool {
    if input.peek(token::Brace) || input.peek(Token![#]) || input.peek(Token![pub]) {
        return true;
    }
    if !input.peek(Ident) {
        return false;
    }
    let ahead = input.fork();
    let Ok(name) = ahead.parse::<Ident>() else { return false };
    if ahead.peek(Token![:]) && !ahead.peek(Token![::]) {
        let _ = ahead.parse::<Token![:]>();
        // `name: [4]` is a function with its shape, `name: [Net; 4]` an array of nets.
        let array = |input: ParseStream| -> syn::Result<bool> {
            let content;
            bracketed!(content in input);
            while !content.is_empty() && !content.peek(Token![;]) {
                content.parse::<TokenTree>()?;
            }
            let found = content.peek(Token![;]);
            while !content.is_empty() {
                content.parse::<TokenTree>()?;
            }
            Ok(found)
        };
        return !ahead.peek(token::Bracket) || array(&ahead).unwrap_or(false);
    }
    match name.to_string().as_str() {
        "residual" => ahead.peek(token::Brace) || ahead.peek(token::Paren),
        "concat" | "each" => ahead.peek(token::Brace),
        "repeat" => {
            !ahead.is_empty()
                && !ahead.peek(Token![,])
                && !ahead.peek(Token![->])
                && !ahead.peek(Token![;])
                && !ahead.peek(token::Paren)
        }
        _ => false,
    }
}

/// The comma after a step; blocks go without, as in Rust.
fn end_of(steps: &[Step], input: ParseStream) -> syn::Result<()> {
    let Some(step) = steps.last() else { return Ok(()) };
    let block = matches!(
        step.head,
        Head::Residual { .. }
            | Head::Concat { .. }
            | Head::Repeat { .. }
            | Head::Each { .. }
            | Head::Block(_)
    );
    if input.is_empty() || input.peek(Token![,]) {
        input.parse::<Option<Token![,]>>()?;
        return Ok(());
    }
    if block && step.ops.is_empty() {
        return Ok(());
    }
    if step.name.is_none() && matches!(step.head, Head::Ops) && input.peek(Ident) {
        let ahead = input.fork();
        let layer: Option<Ident> = ahead.parse().ok();
        let text = layer.map(|layer| layer.to_string()).unwrap_or_default();
        if text.starts_with(char::is_uppercase) {
            return Err(
                input.error(format!("expected `:` between a step's name and its layer: `name: {text}(..)`"))
            );
        }
    }
    if step.name.is_none() && input.peek(Token![=]) {
        return Err(input.error("expected `:` between a step's name and its layer, not `=`"));
    }
    if input.peek(token::Brace) {
        return Err(input.error(
            "steps in braces are a block of their own, `name: { .. }`; the arguments of a layer or an op are in parentheses, `( .. )`",
        ));
    }
    if input.peek(token::Bracket) {
        return Err(input.error("the arguments of a layer or an op are in parentheses, `( .. )`"));
    }
    Err(input.error(if input.peek(Token![=>]) {
        "an op stands behind `->`, not `=>`"
    } else if input.peek(Token![+]) {
        "a named value is added by an op: `-> add(value)`"
    } else if input.peek(Token![*]) {
        "a named value is multiplied by an op: `-> multiply(value)`"
    } else if input.peek(Token![.]) {
        "an op stands behind an arrow: `-> relu`"
    } else {
        "expected `,` or `-> op` after a step"
    }))
}
