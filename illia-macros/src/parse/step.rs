//! Steps: `name: Layer(args) -> op -> op`, chains of ops, blocks.

use proc_macro2::{Span, TokenTree};
use syn::parse::discouraged::Speculative;
use syn::parse::{Parse, ParseStream};
use syn::{
    AngleBracketedGenericArguments, Attribute, Expr, ExprParen, Ident, Path, PathArguments, PathSegment,
    Token, Visibility, braced, bracketed, parenthesized, token,
};

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
            errors.push(input.error(if default {
                format!("{said} is a default of the whole net: defaults come first, before any step")
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
    if input.peek(token::Bracket) || input.peek(token::Brace) {
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
fn skip_past_semicolon(input: ParseStream) {
    while !input.is_empty() {
        let end = input.peek(Token![;]);
        if input.parse::<TokenTree>().is_err() || end {
            return;
        }
    }
}

/// To behind the next `,` that is not within `<..>`. What looks like another step's beginning on the way (a comma or semicolon was
/// forgotten) is kept by its name, so that its field stays.
fn skip(input: ParseStream, steps: &mut Vec<Step>) {
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
fn broken(input: ParseStream) -> Option<Step> {
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

fn step(input: ParseStream, attrs: Vec<Attribute>, starts: bool, errors: &mut Errors) -> syn::Result<Step> {
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
        project = Some((name, content.parse()?));
        content.parse::<Option<Token![,]>>()?;
        if !content.is_empty() {
            return Err(content.error("expected `)`: `residual` takes `project: Layer(..)` and nothing else"));
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
