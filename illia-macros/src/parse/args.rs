//! Arguments: `Linear(400 => 120, bias: false, prior: Gaussian(std: 0.1))`.

use proc_macro2::Span;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, Token, parenthesized, token};

/// `( arg, arg )`
#[derive(Clone)]
pub struct Args {
    pub list: Vec<Arg>,
    pub span: Span,
}

/// `400`, `400 => 120`, `kernel: 5`
#[derive(Clone)]
pub struct Arg {
    pub name: Option<Ident>,
    pub value: Value,
    /// `=> 120`
    pub to: Option<Expr>,
}

/// What stands behind the name.
#[derive(Clone)]
pub enum Value {
    /// A Rust expression.
    Expr(Expr),
    /// `Gaussian(std: 0.1)` or `Flipout`: a family by name.
    Family(Ident, Option<Args>),
}

impl Value {
    pub fn expr(&self) -> Option<&Expr> {
        match self {
            Value::Expr(expr) => Some(expr),
            Value::Family(..) => None,
        }
    }
}

/// The arguments whose values are families.
const FAMILIES: [&str; 4] = ["prior", "posterior", "estimator", "bias_prior"];

impl Parse for Args {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let content;
        let paren = parenthesized!(content in input);
        let list = Punctuated::<Arg, Token![,]>::parse_terminated(&content)?.into_iter().collect();
        Ok(Args { list, span: paren.span.join() })
    }
}

impl Parse for Arg {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if input.peek(Ident) && input.peek2(Token![:]) && !input.peek2(Token![::]) {
            let name: Ident = input.parse()?;
            input.parse::<Token![:]>()?;
            let value = value_of(&name, input)?;
            return Ok(Arg { name: Some(name), value, to: None });
        }
        if input.peek(Ident) && input.peek2(Token![=]) && !input.peek2(Token![==]) && !input.peek2(Token![=>])
        {
            let name: Ident = input.parse()?;
            return Err(
                input.error(format!("expected `:` between an argument's name and its value: `{name}: ..`"))
            );
        }
        let ahead = input.fork();
        let value =
            input.fork().parse::<Ident>().is_ok_and(|name| name.to_string().starts_with(char::is_lowercase));
        while !ahead.is_empty() && !ahead.peek(Token![,]) && !ahead.peek(Token![|]) {
            if ahead.peek(Token![->]) {
                return Err(ahead.error(if value {
                    "a chain in parentheses has a name first, `let v = ..;`, and stands there by it; an input size stands before `=>`: `Linear(400 => 120)`"
                } else {
                    "the input size stands before `=>`, not `->`: `Linear(400 => 120)`"
                }));
            }
            ahead.parse::<proc_macro2::TokenTree>()?;
        }
        let value = Value::Expr(input.parse()?);
        let to = if input.peek(Token![=>]) {
            input.parse::<Token![=>]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Arg { name: None, value, to })
    }
}

/// `Gaussian(std: ..)`, which is no expression.
fn has_named_arguments(input: ParseStream) -> bool {
    let ahead = input.fork();
    if ahead.parse::<Ident>().is_err() || !ahead.peek(token::Paren) {
        return false;
    }
    let named = |input: ParseStream| -> syn::Result<bool> {
        let content;
        parenthesized!(content in input);
        let named = content.peek(Ident) && content.peek2(Token![:]) && !content.peek2(Token![::]);
        content.parse::<proc_macro2::TokenStream>()?;
        Ok(named)
    };
    named(&ahead).unwrap_or(false)
}

/// The value of the argument or default `name`.
pub fn value_of(name: &Ident, input: ParseStream) -> syn::Result<Value> {
    if name == "lora" {
        if !input.peek(token::Paren) {
            return Err(
                input.error("the settings of an adapter are in parentheses: `lora: (rank: 8, alpha: 16.0)`")
            );
        }
        return Ok(Value::Family(Ident::new("Lora", name.span()), Some(input.parse()?)));
    }
    if !FAMILIES.contains(&name.to_string().as_str()) && !has_named_arguments(input) {
        return Ok(Value::Expr(input.parse()?));
    }
    // A family's name stands alone or before its arguments; anything else is a Rust expression of that type.
    if input.peek(Ident) && !input.peek2(Token![::]) && !input.peek2(Token![.]) && !input.peek2(Token![!]) {
        let family: Ident = input.parse()?;
        let args = if input.peek(token::Paren) { Some(input.parse()?) } else { None };
        return Ok(Value::Family(family, args));
    }
    Ok(Value::Expr(input.parse()?))
}
