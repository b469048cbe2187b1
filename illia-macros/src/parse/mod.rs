//! Tokens -> syntax tree. A step that can't be read is an error of its own; the others are read all the same.

mod args;
mod chain;
mod recover;
mod step;

use proc_macro2::{Span, TokenStream};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Expr, Generics, Ident, Token, Type, Visibility, braced, bracketed, parenthesized, token,
};

pub use args::{Arg, Args, Value};
pub use chain::IGNORED;
pub use step::{Head, Layer, Op, OpKind, Step};

use self::recover::{ends_with_semicolon, skip_past_semicolon};
use crate::errors::Errors;
use crate::names;

/// `pub struct Net<..>: [..] -> [..] where .. { defaults; steps }`
pub struct Net {
    pub attrs: Vec<Attribute>,
    pub vis: Visibility,
    pub ident: Ident,
    pub generics: Generics,
    /// `(features: i64, p: f64)`: what is known only when the net is made.
    pub arguments: Vec<Argument>,
    /// Their parentheses.
    pub arguments_at: Span,
    /// What goes in and what comes out; none after a mistake.
    pub signature: Option<(Ports, Ports)>,
    pub defaults: Vec<Default>,
    pub steps: Vec<Step>,
}

/// `features: i64`
pub struct Argument {
    pub ident: Ident,
    pub ty: Type,
}

/// `[784]`, or several with names: `(user: [32], item: [48])`.
pub struct Ports {
    pub list: Vec<(Option<Ident>, Shape)>,
}

/// `[1, 28, seq]`
#[derive(Clone)]
pub struct Shape {
    pub bracket: token::Bracket,
    pub axes: Punctuated<Expr, Token![,]>,
}

/// `prior: Gaussian(std: 0.1);`
pub struct Default {
    pub name: Ident,
    pub value: Value,
}

/// What the whole net may set.
pub const DEFAULTS: [&str; 3] = ["prior", "posterior", "estimator"];

impl Parse for Shape {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if !input.peek(token::Bracket) {
            return Err(input.error("expected a shape in brackets, such as `[1, 28, 28]`, without the batch"));
        }
        let content;
        let bracket = bracketed!(content in input);
        let axes = content.parse_terminated(axis, Token![,]);
        // What is left behind a mistake is no other one.
        if axes.is_err() {
            content.parse::<TokenStream>()?;
        }
        Ok(Shape { bracket, axes: axes? })
    }
}

/// A size, or a name for what is known only at run time. Elsewhere that is `?`, `_`, `None` or -1.
fn axis(input: ParseStream) -> syn::Result<Expr> {
    let none = input.peek(Ident) && input.fork().parse::<Ident>()? == "None";
    let unknown =
        input.peek(Token![?]) || input.peek(Token![_]) || input.peek(Token![-]) || input.peek(Token![..]);
    if unknown || none {
        return Err(input.error("an axis known only at run time has a lower-case name: `[seq, 8]`"));
    }
    let axis = input.parse()?;
    if input.peek(Token![:]) {
        return Err(input.error("an axis that a number divides is written as their product: `h * 4`"));
    }
    Ok(axis)
}

/// Reads a net; `Err` only if there is not even a name to go on with.
pub fn net(tokens: TokenStream, errors: &mut Errors) -> syn::Result<Net> {
    let parser = |input: ParseStream| {
        let net = header(input, errors)?;
        if !input.is_empty() {
            errors.push(input.error("expected nothing more: one `bnn!` declares one net"));
            input.parse::<TokenStream>()?;
        }
        Ok(net)
    };
    syn::parse::Parser::parse2(parser, tokens)
}

fn header(input: ParseStream, errors: &mut Errors) -> syn::Result<Net> {
    let attrs = input.call(Attribute::parse_outer)?;
    let vis = input.parse()?;
    if !input.peek(Token![struct]) {
        return Err(input.error("expected `struct Name: [input] -> [output] { steps }`"));
    }
    input.parse::<Token![struct]>()?;
    let ident: Ident = input.parse()?;
    let mut generics: Generics = input.parse()?;
    if input.peek(Token![where]) {
        generics.where_clause = input.parse()?;
    }
    let (arguments_at, arguments) = match input.peek(token::Paren) {
        true => arguments(input, errors)?,
        false => (Span::call_site(), Vec::new()),
    };
    let signature = signature(input);
    if generics.where_clause.is_none() && input.peek(Token![where]) {
        generics.where_clause = input.parse()?;
    }
    let signature = match signature {
        Ok((mut inputs, mut outputs)) => {
            inputs.once("inputs", errors);
            outputs.once("outputs", errors);
            Some((inputs, outputs))
        }
        Err(error) => {
            // The steps are read all the same.
            errors.push(error);
            while !input.is_empty() && !input.peek(token::Brace) {
                input.parse::<proc_macro2::TokenTree>()?;
            }
            None
        }
    };
    if !input.peek(token::Brace) {
        return Err(input.error(format!("expected the steps of `{ident}` in braces")));
    }
    let content;
    braced!(content in input);
    let defaults = defaults(&content, errors);
    let steps = chain::steps(&content, errors);

    Ok(Net { attrs, vis, ident, generics, arguments, arguments_at, signature, defaults, steps })
}

/// `(features: i64, p: f64)`
fn arguments(input: ParseStream, errors: &mut Errors) -> syn::Result<(Span, Vec<Argument>)> {
    let content;
    let parentheses = parenthesized!(content in input);
    let argument = |input: ParseStream| {
        if input.peek(Token![const]) {
            return Err(input.error(
                "an argument is known when the net is made, `(size: i64)`; a const parameter stands behind the net's name, `<const SIZE: i64>`",
            ));
        }
        let ident: Ident = input.parse()?;
        if !input.peek(Token![:]) {
            let message = format!("expected the type of the net's argument: `{ident}: i64`");
            return Err(syn::Error::new(ident.span(), message));
        }
        input.parse::<Token![:]>()?;
        let ty: Type = input.parse()?;
        if let Type::Reference(borrowed) = &ty
            && borrowed.lifetime.as_ref().is_none_or(|lifetime| lifetime.ident != "static")
        {
            let message = "a net keeps its arguments and borrows none: `String` rather than `&str`, `Vec<i64>` rather than `&[i64]`";
            return Err(syn::Error::new_spanned(&ty, message));
        }
        if input.peek(Token![=]) {
            return Err(input.error("an argument of a net has no default: whoever makes the net gives it"));
        }
        Ok(Argument { ident, ty })
    };
    let list = content.parse_terminated(argument, Token![,])?;
    let mut arguments: Vec<Argument> = Vec::new();
    for argument in list {
        if arguments.iter().any(|before| before.ident == argument.ident) {
            errors.at(&argument.ident, format!("two arguments of the net are called `{}`", argument.ident));
        } else {
            arguments.push(argument);
        }
    }
    Ok((parentheses.span.join(), arguments))
}

impl Ports {
    /// Leaves out those whose name another has, which is a mistake.
    fn once(&mut self, what: &str, errors: &mut Errors) {
        let mut seen: Vec<Ident> = Vec::new();
        self.list.retain(|(name, _)| {
            let Some(name) = name else { return true };
            let again = seen.contains(name);
            if again {
                errors.at(name, format!("two {what} are called `{name}`: give one another name"));
            }
            seen.push(name.clone());
            !again
        });
    }
}

impl Parse for Ports {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        if !input.peek(token::Paren) {
            return Ok(Ports { list: vec![(None, input.parse()?)] });
        }
        let content;
        parenthesized!(content in input);
        let named = content.peek(Ident) && content.peek2(Token![:]);
        if !named && !content.is_empty() {
            let error = content.error(
                "parentheses hold several values with names, `(user: [32], item: [48])`; one alone is a shape in brackets, `[784]`",
            );
            content.parse::<TokenStream>()?;
            return Err(error);
        }
        let port = |input: ParseStream| {
            let name: Ident = input.parse()?;
            if !input.peek(Token![:]) {
                let message = format!("expected the shape of `{name}`: `{name}: [16]`");
                return Err(syn::Error::new(name.span(), message));
            }
            input.parse::<Token![:]>()?;
            Ok((Some(name), input.parse()?))
        };
        if content.is_empty() {
            return Err(content.error("expected names with shapes: `(user: [32], item: [48])`"));
        }
        let list = content.parse_terminated(port, Token![,])?;
        Ok(Ports { list: list.into_iter().collect() })
    }
}

fn signature(input: ParseStream) -> syn::Result<(Ports, Ports)> {
    if !input.peek(Token![:]) {
        return Err(input.error("expected the net's signature, such as `: [784] -> [10]`"));
    }
    input.parse::<Token![:]>()?;
    let shape_in = input.parse()?;
    if input.peek(Token![,]) {
        return Err(
            input.error("several inputs stand in parentheses, with names: `(user: [32], item: [48])`")
        );
    }
    if !input.peek(Token![->]) {
        return Err(input.error("expected `->` and the output's shape"));
    }
    input.parse::<Token![->]>()?;
    Ok((shape_in, input.parse()?))
}

fn defaults(input: ParseStream, errors: &mut Errors) -> Vec<Default> {
    let mut defaults = Vec::new();
    // What is not even nearly a default is a step with the wrong end.
    let nearly = |name: &Ident| names::nearest(&name.to_string(), &DEFAULTS).is_some();
    while !input.peek(Token![let])
        && ends_with_semicolon(input)
        && input.fork().parse::<Ident>().map_or(true, |name| nearly(&name))
    {
        match default(input) {
            Ok(default) => defaults.push(default),
            Err(error) => {
                errors.push(error);
                skip_past_semicolon(input);
            }
        }
    }
    defaults
}

fn default(input: ParseStream) -> syn::Result<Default> {
    let name: Ident = input.parse()?;
    if !DEFAULTS.contains(&name.to_string().as_str()) {
        let hint = names::suggestion(&name.to_string(), &DEFAULTS);
        return Err(syn::Error::new(name.span(), format!("unknown default `{name}` for the net; {hint}")));
    }
    if !input.peek(Token![:]) {
        return Err(input.error(format!("expected `:` between `{name}` and its value: `{name}: ..;`")));
    }
    input.parse::<Token![:]>()?;
    let value = args::value_of(&name, input)?;
    if !input.peek(Token![;]) {
        return Err(input.error(format!("expected `;` after the net's {name}")));
    }
    input.parse::<Token![;]>()?;
    Ok(Default { name, value })
}
