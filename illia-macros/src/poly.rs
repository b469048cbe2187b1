//! Sizes as sums of products, so that two ways to write one are the same: `(kernel - 1) * d` is `kernel * d - d`.

use std::collections::BTreeMap;

use syn::{BinOp, Expr, Lit, UnOp};

/// Products of names, each sorted, and how often each stands in the sum; the number by itself is the product of nothing.
pub type Sum = BTreeMap<Vec<String>, i64>;

/// An expression as it is written. What is no sum or product is a name.
pub fn sum_of(text: &str) -> Sum {
    let name = || BTreeMap::from([(vec![text.to_owned()], 1)]);
    syn::parse_str::<Expr>(text).ok().and_then(|expr| sum(&expr)).unwrap_or_else(name)
}

/// None where the numbers are too large.
fn sum(expr: &Expr) -> Option<Sum> {
    match expr {
        Expr::Paren(paren) => sum(&paren.expr),
        Expr::Lit(lit) => match &lit.lit {
            Lit::Int(n) => Some(BTreeMap::from([(Vec::new(), n.base10_parse().ok()?)])),
            _ => None,
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => times(&sum(&unary.expr)?, &sum_of("-1")),
        Expr::Binary(binary) => {
            let (left, right) = (&sum(&binary.left)?, &sum(&binary.right)?);
            match binary.op {
                BinOp::Add(_) => plus(left, right, 1),
                BinOp::Sub(_) => plus(left, right, -1),
                BinOp::Mul(_) => times(left, right),
                _ => Some(name(expr)),
            }
        }
        expr => Some(name(expr)),
    }
}

fn name(expr: &Expr) -> Sum {
    BTreeMap::from([(vec![crate::check::shown(expr)], 1)])
}

/// One sum and another so many times.
pub fn plus(a: &Sum, b: &Sum, n: i64) -> Option<Sum> {
    let mut sum = a.clone();
    for (product, times) in b {
        let before = sum.entry(product.clone()).or_default();
        *before = before.checked_add(times.checked_mul(n)?)?;
    }
    sum.retain(|_, n| *n != 0);
    Some(sum)
}

fn times(a: &Sum, b: &Sum) -> Option<Sum> {
    let mut out = Sum::new();
    for (left, n) in a {
        for (right, m) in b {
            let mut product = [left.clone(), right.clone()].concat();
            product.sort();
            out = plus(&out, &BTreeMap::from([(product, n.checked_mul(*m)?)]), 1)?;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::{plus, sum_of};

    #[test]
    fn two_ways_to_write_a_size_are_one() {
        assert_eq!(sum_of("(K - 1) * D"), sum_of("D * K - D"));
        assert_eq!(sum_of("2 * (half(W) + 3)"), sum_of("6 + half(W) * 2"));
        assert_ne!(sum_of("N / 2 * 2"), sum_of("N"));
        let nothing = plus(&sum_of("2 * D"), &sum_of("D"), -2);
        assert_eq!(nothing, Some(super::Sum::new()));
    }
}
