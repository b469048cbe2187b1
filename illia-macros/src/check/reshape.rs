//! Ops that lay the elements out anew.

use quote::quote;
use syn::Expr;

use super::Checker;
use super::arguments::Reader;
use super::ops::{Found, Spot};
use super::sizes::{Literal, literal, strip};
use crate::dim::{Cond, Const, Dim, Shape, computed, infix, listed, product};
use crate::say::Say;
use crate::text::shown;

impl Checker<'_> {
    pub fn reshape(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        if let [_, _, ..] = self.placed(&reader).as_slice() {
            let axes: Vec<String> = self.placed(&reader).iter().map(|(axis, _)| shown(axis)).collect();
            let message = format!("`reshape` needs a shape in brackets: `reshape([{}])`", axes.join(", "));
            self.errors.span(reader.span(), message);
            return (quote!(__private::flatten(&__x)), Shape::Unknown(None));
        }
        self.known_arguments(&mut reader, 1, &[]);
        let placed: Option<Expr> = self.placed(&reader).first().map(|(expr, _)| (*expr).clone());
        let Some(Expr::Array(array)) = placed.as_ref().map(strip) else {
            self.errors.at(spot.op, "`reshape` needs a shape in brackets: `reshape([16, 7, 7])`");
            return (quote!(__private::flatten(&__x)), Shape::Unknown(None));
        };
        let mut dims = Vec::new();
        let mut free = None;
        for (i, axis) in array.elems.iter().enumerate() {
            if let Literal::Number(-1) = literal(axis) {
                if free.replace(i).is_some() {
                    self.errors.at(axis, "only one axis of `reshape` can be -1, worked out from the others");
                }
                dims.push(Dim::Fixed(1));
            } else if let Some((name, times, plus)) = self.axis_of(axis) {
                let Some(dim) = self.names.get(&name).map(|dim| dim.scaled(times, plus)) else {
                    self.errors
                        .at(axis, format!("the axis `{name}` is not known here: the input has no such axis"));
                    return (quote!(__private::flatten(&__x)), Shape::Unknown(None));
                };
                dims.push(dim);
            } else {
                match self.size(axis, "an axis of `reshape`", 1) {
                    Some(dim) => dims.push(dim),
                    None => return (quote!(__private::flatten(&__x)), Shape::Unknown(None)),
                }
            }
        }
        let keeps = self.same_elements(spot, &mut dims, free, array);
        // At most one axis is worked out by libtorch: a dynamic one, whose length the macro can't write.
        let runtime = dims.iter().map(|dim| match dim {
            Dim::Dynamic { base, times, offset, more }
                if more.is_empty()
                    && self.names.contains_key(base)
                    && dims.iter().filter(|d| d.is_dynamic()).count() > 1 =>
            {
                match (times, offset) {
                    (1, 0) => quote!(__axes.length(#base)),
                    _ => quote!((__axes.length(#base) * #times + #offset)),
                }
            }
            Dim::Dynamic { .. } => quote!(-1),
            dim => dim.tokens(),
        });
        let code = quote!(__private::reshape(&__x, &[#(#runtime),*]));
        (code, if keeps { Shape::Known(dims) } else { Shape::Unknown(None) })
    }

    /// The elements stay as many as they are; an axis of -1 is what is left for it.
    fn same_elements(
        &mut self,
        spot: &Spot,
        dims: &mut [Dim],
        free: Option<usize>,
        at: &syn::ExprArray,
    ) -> bool {
        let private = self.private();
        let given = match &spot.state.shape {
            Shape::Known(given) => given.clone(),
            Shape::Opaque(c) => {
                let (tokens, level) = (&c.tokens, c.level);
                let elements = Dim::Const(Const {
                    tokens: quote!(#tokens.elements()),
                    text: format!("the elements of {}", c.text),
                    level,
                });
                vec![elements]
            }
            Shape::Unknown(_) => return true,
        };
        let (moving, fixed): (Vec<Dim>, Vec<Dim>) = given.into_iter().partition(Dim::is_dynamic);
        let (new_moving, new_fixed): (Vec<Dim>, Vec<Dim>) = dims.iter().cloned().partition(Dim::is_dynamic);
        let one = || Dim::Fixed(1);
        let before = product(&fixed).unwrap_or_else(one);
        let after = product(&new_fixed).unwrap_or_else(one);
        let before = if fixed.is_empty() { one() } else { before };
        let after = if new_fixed.is_empty() { one() } else { after };
        let text = |dims: &[Dim]| {
            let mut texts: Vec<String> = dims.iter().map(Dim::text).collect();
            texts.sort();
            texts.join(" * ")
        };
        if text(&moving) != text(&new_moving) {
            let message = format!(
                "`reshape` keeps the number of elements, but {} gives {} and this is {}",
                spot.state.giver,
                spot.state.shape.text(),
                listed(dims)
            );
            self.errors.at(at, message);
            return false;
        }
        if let Some(i) = free {
            let left = computed(
                &[&before, &after],
                |n| match n {
                    &[before, after] if after > 0 && before % after == 0 => Some(before / after),
                    _ => None,
                },
                |t| infix(t, &quote!(/)),
                |t| t.join(" / "),
            );
            if let (Some(b), Some(a), Dim::Const(_)) = (before.fixed(), after.fixed(), &left) {
                self.errors.at(
                    at,
                    format!(
                        "`reshape` keeps the number of elements, but {a} does not divide the {b} of {}",
                        spot.state.giver
                    ),
                );
                return false;
            }
            if let Dim::Const(_) = &left {
                let say = Say::new("`reshape` keeps the number of elements, but ")
                    .size(&after)
                    .text(" does not divide the ")
                    .size(&before)
                    .text(format!(" of {}", spot.state.giver));
                let (whole, part) = (before.tokens(), after.tokens());
                self.require(at, Cond::Const(quote!(#private::divides(#part, #whole))), say);
            }
            if let Some(dim) = dims.get_mut(i) {
                *dim = left;
            }
            return true;
        }
        let say =
            Say::new(format!("`reshape` keeps the number of elements, but {} gives ", spot.state.giver))
                .size(&before)
                .text(format!(" ({}) and this has ", spot.state.shape.text()))
                .size(&after);
        // The shape is what it is said to be, whatever comes.
        self.require(at, before.equals(&after), say);
        true
    }

    pub fn permute(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let private = self.private();
        self.known_arguments(&mut reader, 8, &[]);
        let placed: Vec<Expr> = self.placed(&reader).into_iter().map(|(expr, _)| expr.clone()).collect();
        let list: Vec<Expr> = match placed.as_slice() {
            [one] if matches!(strip(one), Expr::Array(_)) => match strip(one) {
                Expr::Array(array) => array.elems.iter().cloned().collect(),
                _ => Vec::new(),
            },
            _ => placed,
        };
        let mut order = Vec::new();
        for axis in &list {
            match literal(axis) {
                Literal::Number(n) if n >= 0 => order.push(n),
                _ => {
                    self.errors.at(axis, "`permute` takes numbers of axes, counted from 0 without the batch");
                    return (quote!(__private::permute(&__x, &[])), Shape::Unknown(None));
                }
            }
        }
        let code = quote!(__private::permute(&__x, &[#(#order),*]));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        let once = sorted.iter().enumerate().all(|(i, n)| i as i64 == *n) && !order.is_empty();
        let span = reader.span();
        let example = "`permute([1, 0])` swaps two axes";
        if !once {
            self.errors.span(
                span,
                format!("`permute` names each axis once, counted from 0 without the batch; {example}"),
            );
            return (code, Shape::Unknown(None));
        }
        let shape = match &spot.state.shape {
            Shape::Known(dims) if dims.len() != order.len() => {
                self.errors.span(
                    span,
                    format!(
                        "`permute` names {} axes, but {} gives {}, without the batch",
                        order.len(),
                        spot.state.giver,
                        listed(dims)
                    ),
                );
                Shape::Unknown(None)
            }
            Shape::Known(dims) => {
                Shape::Known(order.iter().filter_map(|n| dims.get(*n as usize).cloned()).collect())
            }
            Shape::Opaque(c) => {
                let tokens = &c.tokens;
                let order: Vec<usize> = order.iter().map(|n| *n as usize).collect();
                let say = Say::new(format!(
                    "`permute` names {} axes, but {} gives ",
                    order.len(),
                    spot.state.giver
                ))
                .shape(&spot.state.shape);
                let cond = Cond::Const(quote!(#private::permutes(#tokens, &[#(#order),*])));
                self.require(spot.op, cond, say);
                self.opaque(
                    quote!(#private::permuted(#tokens, &[#(#order),*])),
                    format!("{} permuted", c.text),
                    c.level,
                )
            }
            Shape::Unknown(_) => Shape::Unknown(None),
        };
        (code, shape)
    }
}
