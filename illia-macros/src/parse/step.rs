//! A step: `name: Layer(args)`, an op, a block.

use proc_macro2::{Span, TokenTree};
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream};
use syn::{
    AngleBracketedGenericArguments, Attribute, Expr, ExprParen, Ident, Path, PathArguments, PathSegment,
    Token, Visibility, braced, bracketed, parenthesized, token,
};

use super::chain::steps;
use super::{Args, DEFAULTS, Shape};
use crate::errors::Errors;

/// One link of a chain: a layer or a block, with what it is called and the ops that follow it. A chain of several layers,
/// `a: Linear(8) -> relu -> b: Linear(4)`, is as many steps.
pub struct Step {
    pub attrs: Vec<Attribute>,
    pub vis: Visibility,
    pub name: Option<Ident>,
    pub head: Head,
    pub ops: Vec<Op>,
    pub span: Span,
    /// Its place in the block: what a step without a name is called.
    pub place: String,
    /// Whether a chain begins with it: its first op may be a named value then.
    pub starts: bool,
    /// What a net's outputs are called: `let (class, value) = heads: Heads;`.
    pub outputs: Vec<Ident>,
}

/// What a step begins with.
pub enum Head {
    /// `Linear(10)`, `Encoder<32>`, `my::Attention(heads: 4): [seq, 64] -> [seq, 64]`
    Layer(Layer),
    /// `[Block<16>; 3]`
    Array { element: Layer, count: Expr },
    /// Nothing: the step is a chain of ops.
    Ops,
    /// `{ .. }`: steps of their own.
    Block(Vec<Step>),
    /// `let name = ..;`: names what the chain before it gives.
    Let(Ident),
    /// `residual(project: ..) { .. }`
    Residual { keyword: Ident, project: Option<(Ident, Layer)>, body: Vec<Step> },
    /// `concat { { .. }, { .. } }`
    Concat { keyword: Ident, branches: Vec<(Span, Vec<Step>)> },
    /// `repeat 3 { .. }`
    Repeat { keyword: Ident, count: Expr, body: Vec<Step> },
    /// `each { .. }`: steps on every element of the first axis.
    Each { keyword: Ident, body: Vec<Step> },
    /// A step that can't be read; its mistake is reported already.
    Broken,
}

/// A layer, a net or a module, with its arguments and, if written by hand, its signature.
#[derive(Clone)]
pub struct Layer {
    pub path: Path,
    pub args: Option<Args>,
    pub signature: Option<(Shape, Shape)>,
}

/// `relu`, `max_pool(2)`, `my::swish`, `(|x| x * 2): [10]`
pub struct Op {
    pub kind: OpKind,
    pub shape: Option<Shape>,
}

pub enum OpKind {
    Named(Path, Option<Args>),
    Closure(ExprParen),
}

/// A step without the ops behind it, of which a chain of ops alone has its first.
pub fn step(
    input: ParseStream,
    attrs: Vec<Attribute>,
    starts: bool,
    errors: &mut Errors,
) -> syn::Result<Step> {
    if input.peek(Token![for])
        || input.peek(Token![while])
        || input.peek(Token![loop]) && !input.peek2(Token![:])
    {
        return Err(input.error("steps are repeated by `repeat 3 { .. }`"));
    }
    if input.peek(Token![if]) || input.peek(Token![match]) {
        return Err(
            input.error("a net has all of its steps, whatever its arguments are: write a net for each case")
        );
    }
    if input.peek(Token![,]) {
        return Err(input.error("expected a step, `name: Layer(..)` or an op"));
    }
    if input.peek(Token![fn]) {
        return Err(
            input.error("a net has steps alone: a function of yours stands behind it, in `impl Net { .. }`")
        );
    }
    if input.peek(Token![self]) && input.peek2(Token![.]) {
        return Err(
            input.error("there is no `self` in a block: a step is `name: Layer(..)`, and its name the field")
        );
    }
    let vis: Visibility = input.parse()?;
    let span = input.span();
    let named = input.peek(Ident) && input.peek2(Token![:]) && !input.peek2(Token![::]);
    let name = if named {
        let name: Ident = input.parse()?;
        if DEFAULTS.contains(&name.to_string().as_str()) {
            let message =
                format!("`{name}` is a default of the whole net: it comes before any step and ends with `;`");
            return Err(syn::Error::new(name.span(), message));
        }
        input.parse::<Token![:]>()?;
        Some(name)
    } else {
        None
    };
    if !named && !matches!(vis, Visibility::Inherited) {
        return Err(
            input.error("only a named step, `pub name: Layer(..)`, is a field and can have a visibility")
        );
    }
    let head = head(input, named, errors)?;
    let mut ops = Vec::new();
    if matches!(head, Head::Ops) {
        ops.push(input.parse()?);
    }
    Ok(Step { attrs, vis, name, head, ops, span, place: String::new(), starts, outputs: Vec::new() })
}

fn head(input: ParseStream, named: bool, errors: &mut Errors) -> syn::Result<Head> {
    if input.peek(token::Brace) {
        return Ok(Head::Block(body(input, errors)?.1));
    }
    if input.peek(Ident) {
        let ahead = input.fork();
        let keyword: Ident = ahead.parse()?;
        match keyword.to_string().as_str() {
            "residual" if ahead.peek(token::Brace) || ahead.peek(token::Paren) => {
                input.advance_to(&ahead);
                return residual(keyword, input, errors);
            }
            "concat" if ahead.peek(token::Brace) => {
                input.advance_to(&ahead);
                return concat(keyword, input, errors);
            }
            "each" if ahead.peek(token::Brace) => {
                input.advance_to(&ahead);
                return Ok(Head::Each { keyword, body: body(input, errors)?.1 });
            }
            "repeat" if ahead.peek(token::Brace) => {
                return Err(ahead.error("expected how often, and the steps in braces: `repeat 3 { .. }`"));
            }
            "repeat"
                if !ahead.is_empty()
                    && !ahead.peek(Token![,])
                    && !ahead.peek(Token![->])
                    && !ahead.peek(Token![::]) =>
            {
                input.advance_to(&ahead);
                let count = input.call(Expr::parse_without_eager_brace)?;
                return Ok(Head::Repeat { keyword, count, body: body(input, errors)?.1 });
            }
            _ => {}
        }
    }
    if named && input.peek(token::Bracket) {
        let content;
        bracketed!(content in input);
        let element = content.parse()?;
        if !content.peek(Token![;]) {
            return Err(content.error("expected `; count`, as in `[Block<16>; 3]`"));
        }
        content.parse::<Token![;]>()?;
        let count = content.parse()?;
        if !content.is_empty() {
            return Err(content.error("expected `]` after the count"));
        }
        return Ok(Head::Array { element, count });
    }
    if named && (input.peek(token::Paren) || input.peek(Token![|])) {
        return Err(input.error("a closure is an op, which goes without a name: `(|x| ..)`"));
    }
    if named { Ok(Head::Layer(input.parse()?)) } else { Ok(Head::Ops) }
}

fn residual(keyword: Ident, input: ParseStream, errors: &mut Errors) -> syn::Result<Head> {
    let mut project = None;
    if input.peek(token::Paren) {
        let content;
        parenthesized!(content in input);
        if content.is_empty() {
            return Err(input.error("expected `residual { .. }`, or `residual(project: Layer(..)) { .. }`"));
        }
        let name: Ident = content.parse()?;
        if name != "project" {
            let message = format!("unknown argument `{name}` of `residual`; it takes `project: Layer(..)`");
            return Err(syn::Error::new(name.span(), message));
        }
        content.parse::<Token![:]>()?;
        const ONE: &str = "`project` is one layer, `project: Conv2d(8, kernel: 1)`, or a net of yours";
        if !content.peek(Ident) {
            return Err(content.error(ONE));
        }
        project = Some((name, content.parse()?));
        content.parse::<Option<Token![,]>>()?;
        if !content.is_empty() {
            return Err(content.error(ONE));
        }
    }
    Ok(Head::Residual { keyword, project, body: body(input, errors)?.1 })
}

fn concat(keyword: Ident, input: ParseStream, errors: &mut Errors) -> syn::Result<Head> {
    if !input.peek(token::Brace) {
        return Err(input.error("expected branches in braces: `concat { { .. }, { .. } }`"));
    }
    let content;
    braced!(content in input);
    let mut branches = Vec::new();
    while !content.is_empty() {
        if !content.peek(token::Brace) {
            return Err(content.error("expected a branch in braces: `concat { { .. }, { .. } }`"));
        }
        branches.push(body(&content, errors)?);
        if !content.is_empty() {
            content.parse::<Token![,]>()?;
        }
    }
    Ok(Head::Concat { keyword, branches })
}

fn body(input: ParseStream, errors: &mut Errors) -> syn::Result<(Span, Vec<Step>)> {
    if !input.peek(token::Brace) {
        return Err(input.error("expected steps in braces"));
    }
    let content;
    let brace = braced!(content in input);
    Ok((brace.span.join(), steps(&content, errors)))
}

impl Parse for Layer {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let path = path(input)?;
        let args = if input.peek(token::Paren) { Some(input.parse()?) } else { None };
        let mut signature = None;
        if input.peek(Token![:]) {
            input.parse::<Token![:]>()?;
            let shape_in = input.parse()?;
            if !input.peek(Token![->]) {
                return Err(input.error("expected `->` and the module's output shape"));
            }
            input.parse::<Token![->]>()?;
            signature = Some((shape_in, input.parse()?));
        }
        Ok(Layer { path, args, signature })
    }
}

/// `(a, b)`, in which no closure begins.
fn holds_several(input: ParseStream) -> bool {
    let Ok(group) = input.fork().parse::<proc_macro2::Group>() else { return false };
    let is = |token: &TokenTree, c: char| matches!(token, TokenTree::Punct(punct) if punct.as_char() == c);
    let mut tokens = group.stream().into_iter().peekable();
    !tokens.peek().is_some_and(|first| is(first, '|')) && tokens.any(|token| is(&token, ','))
}

impl Parse for Op {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let kind = if input.peek(token::Paren) {
            if holds_several(input) {
                return Err(input.error(
                    "the outputs are the values of their names, which nothing has to give back; in parentheses stands a closure, `(|x| ..)`",
                ));
            }
            OpKind::Closure(input.parse()?)
        } else if input.peek(Token![|]) || input.peek(Token![move]) {
            return Err(input.error("put the closure in parentheses: `(|x| ..)`"));
        } else {
            let path = path(input)?;
            let args = if input.peek(token::Paren) { Some(input.parse()?) } else { None };
            OpKind::Named(path, args)
        };
        let shape = if input.peek(Token![:]) && !input.peek(Token![::]) {
            input.parse::<Token![:]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Op { kind, shape })
    }
}

/// A path with generic arguments; what follows in parentheses is not part of it.
fn path(input: ParseStream) -> syn::Result<Path> {
    let leading_colon = input.parse()?;
    let mut path = Path { leading_colon, segments: Default::default() };
    loop {
        let ident = if input.peek(Token![crate])
            || input.peek(Token![self])
            || input.peek(Token![super])
            || input.peek(Token![Self])
        {
            input.call(<Ident as syn::ext::IdentExt>::parse_any)?
        } else {
            input.parse()?
        };
        let mut segment = PathSegment::from(ident);
        if input.peek(Token![<]) || (input.peek(Token![::]) && input.peek3(Token![<])) {
            segment.arguments = PathArguments::AngleBracketed(AngleBracketedGenericArguments::parse(input)?);
        }
        path.segments.push_value(segment);
        if !input.peek(Token![::]) {
            return Ok(path);
        }
        path.segments.push_punct(input.parse()?);
    }
}
