//! Sizes and shapes as far as the macro knows them.

use proc_macro2::TokenStream;
use quote::quote;

use crate::poly::{Sum, plus, simplified, sum_of};

/// One axis.
#[derive(Clone)]
pub enum Dim {
    /// The macro knows the number.
    Fixed(i64),
    /// The compiler will: a constant expression.
    Const(Const),
    /// Known only at run time: so many times a named axis, or what windows made of one, and so many more; constants that only the
    /// compiler knows stand apart, each so many times.
    Dynamic { base: String, times: i64, offset: i64, more: Vec<(Vec<String>, i64)> },
}

/// A constant expression of type i64.
#[derive(Clone)]
pub struct Const {
    pub tokens: TokenStream,
    /// As the user would write it.
    pub text: String,
    pub level: Level,
}

/// When a constant is known.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// When the net is compiled.
    Item,
    /// A const parameter by itself: equal to itself and to nothing else.
    Param,
    /// When the net's const parameters are.
    Generic,
    /// When the net is made: an argument of it is in the expression.
    Made,
}

/// Some axes.
#[derive(Clone)]
pub enum Shape {
    Known(Vec<Dim>),
    /// A net's signature: the compiler knows it, as a constant `Shape`.
    Opaque(Const),
    /// After a mistake: at best the last axis is known.
    Unknown(Option<Box<Dim>>),
}

/// Whether something holds.
#[derive(Clone)]
pub enum Cond {
    Known(bool),
    /// The compiler does, or, where an argument of the net is in it, whoever makes the net.
    Const(TokenStream),
}

impl Dim {
    pub fn named(name: &str) -> Dim {
        Dim::Dynamic { base: name.to_owned(), times: 1, offset: 0, more: Vec::new() }
    }

    /// So many times as long, and so many more.
    pub fn scaled(&self, by: i64, more: i64) -> Dim {
        match self {
            dim if (by, more) == (1, 0) => dim.clone(),
            Dim::Dynamic { base, times, offset, more: constants } => Dim::Dynamic {
                base: base.clone(),
                times: times.saturating_mul(by),
                offset: offset.saturating_mul(by).saturating_add(more),
                more: constants.iter().map(|(name, n)| (name.clone(), n.saturating_mul(by))).collect(),
            },
            dim => computed(
                &[dim],
                |n| n.first()?.checked_mul(by)?.checked_add(more),
                |t| quote!((#(#t)* * #by + #more)),
                |t| linear(&t.join(""), by, more),
            ),
        }
    }

    /// The axis of which this one is `by` times as long and `more` longer; None if that is not known of it.
    pub fn unscaled(&self, by: i64, more: i64) -> Option<Dim> {
        match self {
            dim if (by, more) == (1, 0) => Some(dim.clone()),
            Dim::Fixed(n) => ((n - more) % by == 0 && n - more > 0).then(|| Dim::Fixed((n - more) / by)),
            Dim::Dynamic { base, times, offset, more: constants } => {
                let offset = offset - more;
                let exact = times % by == 0 && offset % by == 0 && constants.iter().all(|(_, n)| n % by == 0);
                exact.then(|| Dim::Dynamic {
                    base: base.clone(),
                    times: times / by,
                    offset: offset / by,
                    more: constants.iter().map(|(name, n)| (name.clone(), n / by)).collect(),
                })
            }
            Dim::Const(_) => None,
        }
    }

    /// An axis known only at run time, and an expression so many times more; None if it is no such axis.
    pub fn longer(&self, by: &str, n: i64) -> Option<Dim> {
        let Dim::Dynamic { base, times, offset, more } = self else { return None };
        let before = Sum::from_iter([(Vec::new(), *offset)].into_iter().chain(more.iter().cloned()));
        let mut sum = plus(&before, &sum_of(by), n)?;
        let offset = sum.remove(&Vec::new()).unwrap_or(0);
        Some(Dim::Dynamic { base: base.clone(), times: *times, offset, more: sum.into_iter().collect() })
    }

    /// As a person would write it.
    pub fn text(&self) -> String {
        match self {
            Dim::Fixed(n) => n.to_string(),
            Dim::Const(c) => c.text.clone(),
            Dim::Dynamic { base, times, offset, more } => {
                let mut of = base.clone();
                let mut times = *times;
                for (name, n) in more {
                    let constant = linear(&name.join(" * "), n.saturating_abs(), 0);
                    let sign = if *n < 0 { '-' } else { '+' };
                    of = format!("{} {sign} {constant}", linear(&of, times, 0));
                    times = 1;
                }
                linear(&of, times, *offset)
            }
        }
    }

    /// A constant expression of the size; -1 for dynamic axes.
    pub fn tokens(&self) -> TokenStream {
        match self {
            Dim::Fixed(n) => {
                let n = proc_macro2::Literal::i64_unsuffixed(*n);
                quote!(#n)
            }
            Dim::Const(c) => c.tokens.clone(),
            Dim::Dynamic { .. } => quote!(-1),
        }
    }

    pub fn fixed(&self) -> Option<i64> {
        match self {
            Dim::Fixed(n) => Some(*n),
            _ => None,
        }
    }

    pub fn is_dynamic(&self) -> bool {
        matches!(self, Dim::Dynamic { .. })
    }

    pub fn level(&self) -> Level {
        match self {
            Dim::Const(c) => c.level,
            _ => Level::Item,
        }
    }

    /// Whether the two are the same size.
    pub fn equals(&self, other: &Dim) -> Cond {
        match (self, other) {
            (Dim::Fixed(a), Dim::Fixed(b)) => Cond::Known(a == b),
            (Dim::Dynamic { .. }, Dim::Dynamic { .. }) => Cond::Known(self.text() == other.text()),
            (Dim::Dynamic { .. }, _) | (_, Dim::Dynamic { .. }) => Cond::Known(false),
            _ if self.text() == other.text() => Cond::Known(true),
            _ => match (self.level(), other.level()) {
                (Level::Param, Level::Param | Level::Item) | (Level::Item, Level::Param) => {
                    Cond::Known(false)
                }
                _ => {
                    let (left, right) = (self.tokens(), other.tokens());
                    Cond::Const(quote!(#left == #right))
                }
            },
        }
    }
}

/// `h * 4 - 2`
fn linear(base: &str, times: i64, plus: i64) -> String {
    let product = if times == 1 { base.to_owned() } else { format!("{base} * {times}") };
    match plus {
        0 => product,
        1.. => format!("{product} + {plus}"),
        _ => format!("{product} - {}", plus.unsigned_abs()),
    }
}

/// An expression of several sizes, all of them constants: `number` if the macro can compute it.
pub fn computed(
    of: &[&Dim],
    number: impl FnOnce(&[i64]) -> Option<i64>,
    tokens: impl FnOnce(&[TokenStream]) -> TokenStream,
    text: impl FnOnce(&[String]) -> String,
) -> Dim {
    let fixed: Option<Vec<i64>> = of.iter().map(|dim| dim.fixed()).collect();
    if let Some(n) = fixed.and_then(|fixed| number(&fixed)) {
        return Dim::Fixed(n);
    }
    let parts: Vec<TokenStream> = of.iter().map(|dim| dim.tokens()).collect();
    let texts: Vec<String> = of.iter().map(|dim| dim.text()).collect();
    let level = match of.iter().map(|dim| dim.level()).max() {
        Some(Level::Param) => Level::Generic,
        level => level.unwrap_or(Level::Item),
    };
    match simplified(&text(&texts)) {
        // Whatever the names in it are worth.
        (_, Some(n)) => Dim::Fixed(n),
        (text, None) => Dim::Const(Const { tokens: tokens(&parts), text, level }),
    }
}

/// All in one: flatten's size. `None` if one of several is dynamic.
pub fn product(dims: &[Dim]) -> Option<Dim> {
    match dims {
        [one] => return Some(one.clone()),
        _ if dims.iter().any(Dim::is_dynamic) => return None,
        _ => {}
    }
    let factors: Vec<&Dim> = dims.iter().filter(|dim| dim.fixed() != Some(1)).collect();
    if let [one] = factors.as_slice() {
        return Some((*one).clone());
    }
    Some(computed(
        &factors,
        |n| n.iter().try_fold(1i64, |product, n| product.checked_mul(*n)),
        |tokens| infix(tokens, &quote!(*)),
        |texts| texts.join(" * "),
    ))
}

impl Shape {
    /// As a person would write it.
    pub fn text(&self) -> String {
        match self {
            Shape::Known(dims) => listed(dims),
            Shape::Opaque(c) => c.text.clone(),
            Shape::Unknown(_) => "[..]".into(),
        }
    }

    pub fn dims(&self) -> Option<&[Dim]> {
        match self {
            Shape::Known(dims) => Some(dims),
            _ => None,
        }
    }

    /// Whether both are written the same.
    pub fn is(&self, other: &Shape) -> bool {
        match (self, other) {
            (Shape::Opaque(a), Shape::Opaque(b)) => a.tokens.to_string() == b.tokens.to_string(),
            (Shape::Opaque(_), _) | (_, Shape::Opaque(_)) => false,
            (a, b) => a.text() == b.text(),
        }
    }

    pub fn is_unknown(&self) -> bool {
        matches!(self, Shape::Unknown(_))
    }
}

/// `[16, seq]`
pub fn listed(dims: &[Dim]) -> String {
    let texts: Vec<String> = dims.iter().map(Dim::text).collect();
    format!("[{}]", texts.join(", "))
}

/// `(a * b * c)`
pub fn infix(tokens: &[TokenStream], operator: &TokenStream) -> TokenStream {
    let mut out = TokenStream::new();
    for (i, token) in tokens.iter().enumerate() {
        if i > 0 {
            out.extend(operator.clone());
        }
        out.extend(token.clone());
    }
    quote!((#out))
}
