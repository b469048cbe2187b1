//! Ops that make the spatial axes of `[channels, spatial..]` longer or shorter.

use quote::quote;
use syn::Expr;

use super::Checker;
use super::arguments::Reader;
use super::ops::{Found, Spot};
use crate::dim::{Cond, Dim, Shape, computed, infix};
use crate::say::Say;

impl Checker<'_> {
    /// `upsample(2)`: each element so many times, along every spatial axis (nearest neighbour).
    pub fn upsample(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let private = self.private();
        self.known_arguments(&mut reader, 1, &[]);
        let unknown = (quote!(__private::flatten(&__x)), Shape::Unknown(None));
        let placed: Option<Expr> = self.placed(&reader).first().map(|(expr, _)| (*expr).clone());
        let Some(expr) = placed else {
            self.errors.at(spot.op, "`upsample` needs its factor: `upsample(2)`");
            return unknown;
        };
        let Some(axes) = self.spatial(spot) else { return unknown };
        let Ok(factors) = self.settings(spot, &reader, &expr, "factor", axes, 1) else { return unknown };
        let list: Vec<_> = factors.iter().map(Dim::tokens).collect();
        let shape = match &spot.state.shape {
            Shape::Known(dims) => {
                let mut out: Vec<Dim> = dims.iter().take(1).cloned().collect();
                out.extend(dims.iter().skip(1).zip(&factors).map(|(dim, factor)| times(dim, factor)));
                Shape::Known(out)
            }
            Shape::Opaque(c) => {
                let tokens = &c.tokens;
                self.opaque(
                    quote!(#private::upsampled(#tokens, &[#(#list),*])),
                    "[channels, ..]".into(),
                    c.level,
                )
            }
            Shape::Unknown(_) => Shape::Unknown(None),
        };
        (quote!(__private::upsample(&__x, &[#(#list),*])), shape)
    }

    /// `pad(1)`, `pad(before: 2)`, `crop(4)`: zeros at the ends of the spatial axes, or so much less.
    pub fn pad(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let op = reader.function();
        let crop = reader.kind == "crop";
        self.known_arguments(&mut reader, 1, &["before", "after"]);
        let unknown = (quote!(__private::flatten(&__x)), Shape::Unknown(None));
        let placed: Option<Expr> = self.placed(&reader).first().map(|(expr, _)| (*expr).clone());
        let named = ["before", "after"].map(|name| self.named_argument(&reader, name));
        if let (Some(_), Some(at)) = (&placed, named.iter().flatten().next()) {
            self.errors
                .at(at, format!("`{op}` takes one number for both ends, `{op}(1)`, or `before` and `after`"));
            return unknown;
        }
        if placed.is_none() && named.iter().all(Option::is_none) {
            self.errors
                .at(spot.op, format!("`{op}` needs how much: `{op}(1)`, or `{op}(before: 1)` at one end"));
            return unknown;
        }
        let Some(axes) = self.spatial(spot) else { return unknown };
        let mut ends = Vec::new();
        for (name, expr) in ["before", "after"].into_iter().zip(named) {
            let end = match expr.or_else(|| placed.clone()) {
                Some(expr) => self.settings(spot, &reader, &expr, name, axes, 0),
                None => Ok(vec![Dim::Fixed(0); axes]),
            };
            let Ok(end) = end else { return unknown };
            ends.push(end);
        }
        let Shape::Known(dims) = &spot.state.shape else {
            let message = format!(
                "{} takes [channels, spatial..] of known axes, but {} gives {}; put a `reshape` before it",
                spot.who,
                spot.state.giver,
                spot.state.shape.text()
            );
            self.errors.at(spot.op, message);
            return unknown;
        };
        let (list, mut out): (Vec<_>, Vec<Dim>) = (
            ends.iter()
                .map(|end| {
                    let end = end.iter().map(Dim::tokens);
                    quote!(&[#(#end),*])
                })
                .collect(),
            dims.iter().take(1).cloned().collect(),
        );
        for (i, dim) in dims.iter().skip(1).enumerate() {
            let by: Vec<&Dim> = ends.iter().filter_map(|end| end.get(i)).collect();
            let longer = changed(dim, &by, crop);
            if crop && !longer.is_dynamic() {
                let say = Say::new(format!("{} leaves nothing of ", spot.who)).size(dim);
                let cond = match longer.fixed() {
                    Some(n) => Cond::Known(n > 0),
                    None => {
                        let n = longer.tokens();
                        Cond::Const(quote!(#n > 0))
                    }
                };
                if !self.require(spot.op, cond, say) {
                    return unknown;
                }
            }
            out.push(longer);
        }
        (quote!(__private::#op(&__x, #(#list),*)), Shape::Known(out))
    }

    /// `pixel_shuffle(2)`: `[channels * r², h, w]` to `[channels, h * r, w * r]` (Shi et al. 2016).
    pub fn pixel_shuffle(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let private = self.private();
        self.known_arguments(&mut reader, 1, &[]);
        let unknown = (quote!(__private::flatten(&__x)), Shape::Unknown(None));
        let placed: Option<Expr> = self.placed(&reader).first().map(|(expr, _)| (*expr).clone());
        let Some(expr) = placed else {
            self.errors.at(spot.op, "`pixel_shuffle` needs its factor: `pixel_shuffle(2)`");
            return unknown;
        };
        let Some(factor) = self.size(&expr, "the factor of `pixel_shuffle`", 1) else { return unknown };
        let r = factor.tokens();
        let code = quote!(__private::pixel_shuffle(&__x, #r));
        let dims = match &spot.state.shape {
            Shape::Known(dims) => dims.clone(),
            Shape::Unknown(_) => return (code, Shape::Unknown(None)),
            Shape::Opaque(_) => Vec::new(),
        };
        let [channels, height, width] = dims.as_slice() else {
            let message = format!(
                "{} takes [channels, height, width], but {} gives {}",
                spot.who,
                spot.state.giver,
                spot.state.shape.text()
            );
            self.errors.at(spot.op, message);
            return unknown;
        };
        let say = Say::new(format!("{} takes channels that its factor's square divides: ", spot.who))
            .size(&factor)
            .text(" times itself does not divide ")
            .size(channels);
        let cond = match (channels.fixed(), factor.fixed()) {
            _ if channels.is_dynamic() => Cond::Known(false),
            (Some(channels), Some(factor)) => {
                Cond::Known(factor.checked_mul(factor).is_some_and(|square| channels % square == 0))
            }
            _ => {
                let n = channels.tokens();
                Cond::Const(quote!(#private::divides(#r * #r, #n)))
            }
        };
        if !self.require(&expr, cond, say) {
            return unknown;
        }
        let fewer = computed(
            &[channels, &factor],
            |n| Some(n.first()? / n.get(1)?.checked_mul(*n.get(1)?)?),
            |t| match t {
                [n, r] => quote!((#n / (#r * #r))),
                _ => quote!(1),
            },
            |t| format!("({}²)", t.join(" / ")),
        );
        let longer = [height, width].map(|side| times(side, &factor));
        (code, Shape::Known([fewer].into_iter().chain(longer).collect()))
    }
}

/// An axis with more at its two ends, or less.
fn changed(dim: &Dim, by: &[&Dim], less: bool) -> Dim {
    let fixed: Option<i64> = by.iter().map(|by| by.fixed()).sum();
    match (dim, fixed) {
        (dim, Some(0)) => dim.clone(),
        (dim, Some(n)) if dim.is_dynamic() => dim.scaled(1, if less { -n } else { n }),
        (dim, _) => {
            let sign = if less { "-" } else { "+" };
            let text = |t: &[String]| format!("({})", t.join(&format!(" {sign} ")));
            let all: Vec<&Dim> =
                [dim].into_iter().chain(by.iter().copied().filter(|by| by.fixed() != Some(0))).collect();
            if dim.is_dynamic() {
                let n = if less { -1 } else { 1 };
                return by
                    .iter()
                    .fold(dim.clone(), |longer, by| longer.longer(&by.text(), n).unwrap_or(longer));
            }
            computed(
                &all,
                |n| {
                    let (first, rest) = n.split_first()?;
                    rest.iter().try_fold(
                        *first,
                        |sum, n| if less { sum.checked_sub(*n) } else { sum.checked_add(*n) },
                    )
                },
                |t| infix(t, &if less { quote!(-) } else { quote!(+) }),
                text,
            )
        }
    }
}

/// An axis so many times as long.
fn times(dim: &Dim, factor: &Dim) -> Dim {
    if dim.is_dynamic() {
        return match factor.fixed() {
            Some(n) => dim.scaled(n, 0),
            None => Dim::named(&format!("{} * {}", dim.text(), factor.text())),
        };
    }
    computed(
        &[dim, factor],
        |n| n.iter().try_fold(1i64, |product, n| product.checked_mul(*n)),
        |t| infix(t, &quote!(*)),
        |t| t.join(" * "),
    )
}
