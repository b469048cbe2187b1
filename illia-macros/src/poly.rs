//! Sizes as sums of products, so that two ways to write one are the same: `(kernel - 1) * d` is `kernel * d - d`.

use std::collections::BTreeMap;

use syn::{BinOp, Expr, Lit, UnOp};

use crate::text::shown;

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
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => plus(&Sum::new(), &sum(&unary.expr)?, -1),
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
    BTreeMap::from([(vec![shown(expr)], 1)])
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

/// An expression as the shorter of it and its sum, and its value if no name is left in it.
pub fn simplified(text: &str) -> (String, Option<i64>) {
    let sum = sum_of(text);
    let number = match sum.iter().collect::<Vec<_>>()[..] {
        [] => Some(0),
        [(product, n)] if product.is_empty() => Some(*n),
        _ => None,
    };
    // The number by itself goes last, what is taken away never first.
    let mut terms: Vec<(&Vec<String>, i64)> = sum.iter().map(|(product, n)| (product, *n)).collect();
    terms.sort_by_key(|(product, n)| (product.is_empty(), *n < 0));
    let factor = |name: &String| if name.contains(' ') { format!("({name})") } else { name.clone() };
    let mut out = String::new();
    for (i, (product, n)) in terms.into_iter().enumerate() {
        let sign = match (i, n < 0) {
            (0, false) => "",
            (0, true) => "-",
            (_, false) => " + ",
            (_, true) => " - ",
        };
        let mut factors: Vec<String> = match product.as_slice() {
            [one] if n.abs() == 1 => vec![one.clone()],
            several => several.iter().map(factor).collect(),
        };
        if n.unsigned_abs() != 1 || factors.is_empty() {
            factors.push(n.unsigned_abs().to_string());
        }
        out.push_str(sign);
        out.push_str(&factors.join(" * "));
    }
    if sum.len() > 1 {
        out = format!("({out})");
    }
    (if out.len() < text.len() { out } else { text.to_owned() }, number)
}

#[cfg(test)]
mod tests {
    use super::{plus, simplified, sum_of};

    #[test]
    fn two_ways_to_write_a_size_are_one() {
        assert_eq!(sum_of("(K - 1) * D"), sum_of("D * K - D"));
        assert_eq!(sum_of("2 * (half(W) + 3)"), sum_of("6 + half(W) * 2"));
        assert_ne!(sum_of("N / 2 * 2"), sum_of("N"));
        let nothing = plus(&sum_of("2 * D"), &sum_of("D"), -2);
        assert_eq!(nothing, Some(super::Sum::new()));
    }

    #[test]
    fn a_size_is_said_in_its_shortest_form() {
        assert_eq!(simplified("((8 - n - n) + n + n)").1, Some(8));
        assert_eq!(simplified("((h - 2 + 1) - 2 * k + 3 * (half(W) + k))").0, "(h + half(W) * 3 + k - 1)");
        assert_eq!(simplified("((h - 2) / 2 + 1)").0, "((h - 2) / 2 + 1)");
        assert_eq!(simplified("(1 - n)").0, "(1 - n)");
        assert_eq!(simplified("(-n + 0 + 0)").0, "-n");
        assert_eq!(simplified("n + n + n").0, "n * 3");
    }
}
