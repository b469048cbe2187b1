//! Expressions to sizes: literals are computed here, the rest is left to the compiler.

use quote::{ToTokens, quote, quote_spanned};
use syn::{BinOp, Expr, GenericParam, Ident, Lit, UnOp};

use super::Checker;
use crate::dim::{Cond, Const, Dim, Level};
use crate::say::Say;
use crate::spans::span_of_first;
use crate::text::{packed, shown};

/// What an expression of literals is worth.
pub enum Literal {
    Number(i64),
    /// There is more than literals in it.
    Unknown,
    /// It can't be computed, and why.
    Wrong(String),
}

/// The largest size: of two of them the product is a number still.
pub const LARGEST: i64 = i32::MAX as i64;

impl Literal {
    fn tokens(n: i64) -> proc_macro2::Literal {
        proc_macro2::Literal::i64_unsuffixed(n)
    }
}

/// Computes what is made of integer literals.
pub fn literal(expr: &Expr) -> Literal {
    match expr {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Int(int) => match int.base10_parse::<i64>() {
                Ok(n) => Literal::Number(n),
                Err(_) => Literal::Wrong(format!("`{int}` is too large")),
            },
            Lit::Byte(byte) => Literal::Number(i64::from(byte.value())),
            other => Literal::Wrong(format!("expected an integer, got `{}`", other.to_token_stream())),
        },
        Expr::Paren(paren) => literal(&paren.expr),
        Expr::Group(group) => literal(&group.expr),
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => match literal(&unary.expr) {
            Literal::Number(n) => Literal::Number(-n),
            other => other,
        },
        Expr::Binary(binary) => match (literal(&binary.left), literal(&binary.right)) {
            (Literal::Number(a), Literal::Number(b)) => {
                let result = match binary.op {
                    BinOp::Add(_) => a.checked_add(b),
                    BinOp::Sub(_) => a.checked_sub(b),
                    BinOp::Mul(_) => a.checked_mul(b),
                    BinOp::Div(_) => a.checked_div(b),
                    BinOp::Rem(_) => a.checked_rem(b),
                    BinOp::Shl(_) => {
                        u32::try_from(b).ok().filter(|b| *b < 63).and_then(|b| a.checked_mul(1 << b))
                    }
                    BinOp::Shr(_) => u32::try_from(b).ok().and_then(|b| a.checked_shr(b)),
                    _ => return Literal::Unknown,
                };
                let wrong = || Literal::Wrong(format!("`{}` can't be computed", shown(expr)));
                result.map_or_else(wrong, Literal::Number)
            }
            (Literal::Wrong(why), _) | (_, Literal::Wrong(why)) => Literal::Wrong(why),
            _ => Literal::Unknown,
        },
        Expr::Closure(_)
        | Expr::Array(_)
        | Expr::Tuple(_)
        | Expr::Struct(_)
        | Expr::Range(_)
        | Expr::Reference(_) => Literal::Wrong(format!("expected an integer, got `{}`", shown(expr))),
        _ => Literal::Unknown,
    }
}

impl Checker<'_> {
    /// A size: at least `least`. `what` names it in messages: `` `fc1`'s size``.
    pub fn size(&mut self, expr: &Expr, what: &str, least: i64) -> Option<Dim> {
        match literal(expr) {
            Literal::Number(n) if n > LARGEST => {
                self.errors.at(expr, format!("{what} must be at most {LARGEST}, got {n}"));
                None
            }
            Literal::Number(n) if n >= least => Some(Dim::Fixed(n)),
            Literal::Number(n) => {
                self.errors.at(expr, format!("{what} must be at least {least}, got {n}"));
                None
            }
            Literal::Wrong(why) => {
                self.errors.at(expr, format!("{what}: {why}"));
                None
            }
            Literal::Unknown => {
                if let Some(name) = ident_of(expr)
                    && self.names.contains_key(&name)
                    && !self.is_param(&name)
                {
                    let message = format!(
                        "{what} must be known when compiling; the axis `{name}` is known only at run time"
                    );
                    self.errors.at(expr, message);
                    return None;
                }
                if mentions_self(expr.to_token_stream()) {
                    let message = format!(
                        "{what}: there is no `self` before the net is made; what is known then is an argument, `struct {}(size: i64)`",
                        self.net.ident
                    );
                    self.errors.at(expr, message);
                    return None;
                }
                if let Some(name) = self.type_parameter(expr) {
                    if !self.model.numbers.contains(&name) {
                        let message = format!(
                            "{what} is a number, and `{name}` a type: declare it as `const {name}: i64`"
                        );
                        self.errors.at(expr, message);
                        self.model.numbers.push(name);
                    }
                    return None;
                }
                let dim = self.constant(expr);
                let least_tokens = Literal::tokens(least);
                let tokens = dim.tokens();
                let holds = quote!(#tokens >= #least_tokens);
                // The same size elsewhere is no other mistake.
                let text = packed(&holds);
                if !self.sound.iter().any(|(_, sound)| packed(sound) == text) {
                    let say = Say::new(format!("{what} must be at least {least}, got ")).size(&dim);
                    self.require(expr, Cond::Const(holds.clone()), say);
                    self.sound.push((packed(&tokens), holds));
                }
                Some(dim)
            }
        }
    }

    /// A constant expression, as a size.
    pub fn constant(&mut self, expr: &Expr) -> Dim {
        let expr = strip(expr);
        let level = self.level(expr);
        self.model.sizes.push((expr.to_token_stream(), level));
        let is_i64 = ident_of(expr).is_some_and(|name| self.param_type(&name).as_deref() == Some("i64"));
        // What is no number is told where it stands.
        let span = span_of_first(&expr.to_token_stream());
        let tokens = match expr {
            _ if is_i64 => quote!(#expr),
            Expr::Path(_) | Expr::Call(_) | Expr::Lit(_) | Expr::MethodCall(_) => {
                quote_spanned!(span=> (#expr as i64))
            }
            _ => quote_spanned!(span=> ((#expr) as i64)),
        };
        let text = match expr {
            Expr::Binary(_) => format!("({})", shown(expr)),
            _ => shown(expr),
        };
        Dim::Const(Const { tokens, text, level })
    }

    /// When the value of an expression is known.
    pub fn level(&self, tokens: impl ToTokens) -> Level {
        let tokens = tokens.to_token_stream();
        let mut single = None;
        let mut count = 0;
        let (mut generic, mut made) = (false, false);
        visit_idents(tokens, &mut |ident| {
            count += 1;
            let name = ident.to_string();
            generic |= self.is_param(&name) || name == "Self";
            made |= self.is_argument(&name) || name.starts_with("__made");
            single = Some(name);
        });
        if made {
            return Level::Made;
        }
        match (generic, count, single) {
            (true, 1, Some(name)) if self.param_type(&name).is_some() => Level::Param,
            (true, ..) => Level::Generic,
            _ => Level::Item,
        }
    }

    /// The type parameter that an expression is.
    fn type_parameter(&self, expr: &Expr) -> Option<syn::Ident> {
        let name = ident_of(expr)?;
        self.net.generics.type_params().map(|param| &param.ident).find(|ident| **ident == name).cloned()
    }

    /// Whether it is one of the net's const or type parameters.
    pub fn is_param(&self, name: &str) -> bool {
        self.net.generics.params.iter().any(|param| match param {
            GenericParam::Const(c) => c.ident == name,
            GenericParam::Type(t) => t.ident == name,
            GenericParam::Lifetime(_) => false,
        })
    }

    /// A const parameter's type.
    pub fn param_type(&self, name: &str) -> Option<String> {
        self.net.generics.params.iter().find_map(|param| match param {
            GenericParam::Const(c) if c.ident == name => Some(c.ty.to_token_stream().to_string()),
            _ => None,
        })
    }
}

/// `self.width`
fn mentions_self(tokens: proc_macro2::TokenStream) -> bool {
    let mut found = false;
    visit_idents(tokens, &mut |ident| found |= ident == "self");
    found
}

/// Every identifier; an operator or a literal as `_op`.
pub fn visit_idents(tokens: proc_macro2::TokenStream, see: &mut dyn FnMut(&proc_macro2::Ident)) {
    for token in tokens {
        match token {
            proc_macro2::TokenTree::Ident(ident) => see(&ident),
            proc_macro2::TokenTree::Group(group) => visit_idents(group.stream(), see),
            // An operator makes it more than the parameter by itself; two idents never do by accident.
            proc_macro2::TokenTree::Punct(_) | proc_macro2::TokenTree::Literal(_) => {
                see(&proc_macro2::Ident::new("_op", proc_macro2::Span::call_site()));
            }
        }
    }
}

/// Without parentheses and a macro's invisible groups around it.
pub fn strip(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(paren) => strip(&paren.expr),
        Expr::Group(group) => strip(&group.expr),
        // `{ N }`
        Expr::Block(block) if block.label.is_none() && block.attrs.is_empty() => {
            match block.block.stmts.as_slice() {
                [syn::Stmt::Expr(expr, None)] => strip(expr),
                _ => expr,
            }
        }
        _ => expr,
    }
}

/// The single name that an expression is.
pub fn ident_of(expr: &Expr) -> Option<String> {
    word_of(expr).map(ToString::to_string)
}

/// The same, where it stands.
pub fn word_of(expr: &Expr) -> Option<&Ident> {
    match strip(expr) {
        Expr::Path(path) if path.qself.is_none() => path.path.get_ident(),
        _ => None,
    }
}
