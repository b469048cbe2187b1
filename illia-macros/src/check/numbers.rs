//! Real numbers: literals are looked at here, the rest by the compiler or when the net is made.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Expr, Ident, Lit};

use super::Checker;
use super::sizes::{Literal, ident_of, literal, strip};
use crate::dim::{Cond, Level};
use crate::say::Say;
use crate::spans::{called, span_of_first};
use crate::text::shown;

impl Checker<'_> {
    /// A real number within a range, as far as it is a literal; the tokens for it, of type f64.
    pub fn real(&mut self, expr: &Expr, what: &str, range: Range) -> Option<TokenStream> {
        let number = match float(expr) {
            Ok(number) => number,
            Err(why) => {
                self.errors.at(expr, format!("{what}: {why}"));
                return None;
            }
        };
        let Some(number) = number else {
            let expr = strip(expr);
            // An argument of the net may be a number of any type.
            let number = match ident_of(expr).filter(|name| self.is_argument(name)) {
                Some(_) => {
                    let span = span_of_first(&expr.to_token_stream());
                    let private = self.private();
                    called(span, quote!(#private::number), quote!(#expr))
                }
                None => quote!((#expr)),
            };
            self.real_in_range(expr, &number, what, range);
            return Some(number);
        };
        if !range.contains(number) {
            self.errors.at(expr, format!("{what} must be {}, got {}", range.in_words(), shown(expr)));
            return None;
        }
        let literal = proc_macro2::Literal::f64_unsuffixed(number.abs());
        Some(if number.is_sign_negative() { quote!(-#literal) } else { quote!(#literal) })
    }

    /// What is no literal: a const item or parameter is looked at by the compiler, anything else when the net is made.
    fn real_in_range(&mut self, expr: &Expr, number: &TokenStream, what: &str, range: Range) {
        let private = self.private();
        let name = match expr {
            Expr::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        let constant = name.is_some_and(|name| {
            !self.is_argument(&name)
                && name.chars().any(char::is_uppercase)
                && !name.chars().any(char::is_lowercase)
        });
        let range_name = Ident::new(range.function(), Span::call_site());
        let holds = quote!(#private::#range_name(#number));
        let say =
            Say::new(format!("{what} must be {}, got ", range.in_words())).real(number.clone(), shown(expr));
        if constant || self.level(expr) == Level::Made {
            self.require(expr, Cond::Const(holds), say);
        }
    }
}

/// Where a number may lie.
#[derive(Clone, Copy)]
pub enum Range {
    Any,
    /// Above 0.
    Positive,
    /// Within (0, 1).
    Inside,
    /// Within [0, 1).
    Probability,
    /// At least 0.
    NonNegative,
}

impl Range {
    fn contains(self, x: f64) -> bool {
        match self {
            Range::Any => x.is_finite(),
            Range::Positive => x > 0.0 && x.is_finite(),
            Range::Inside => x > 0.0 && x < 1.0,
            Range::Probability => (0.0..1.0).contains(&x),
            Range::NonNegative => x >= 0.0 && x.is_finite(),
        }
    }

    /// The library's test.
    fn function(self) -> &'static str {
        match self {
            Range::Any => "is_finite",
            Range::Positive => "is_positive",
            Range::Inside => "is_inside",
            Range::Probability => "is_probability",
            Range::NonNegative => "is_non_negative",
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Range::Any => "a finite number",
            Range::Positive => "a number above 0",
            Range::Inside => "between 0 and 1",
            Range::Probability => "at least 0 and below 1",
            Range::NonNegative => "at least 0",
        }
    }
}

/// A literal's value; `None` if it is no literal.
pub fn float(expr: &Expr) -> Result<Option<f64>, String> {
    match expr {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Float(float) => float.base10_parse().map(Some).map_err(|e| e.to_string()),
            Lit::Int(int) => int.base10_parse::<f64>().map(Some).map_err(|e| e.to_string()),
            other => Err(format!("expected a number, got `{}`", other.to_token_stream())),
        },
        Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)) => Ok(float(&unary.expr)?.map(|x| -x)),
        Expr::Paren(paren) => float(&paren.expr),
        Expr::Group(group) => float(&group.expr),
        _ => match literal(expr) {
            Literal::Number(n) => Ok(Some(n as f64)),
            _ => Ok(None),
        },
    }
}
