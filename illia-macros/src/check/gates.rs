//! Ops in which one half of an axis gates the other.

use quote::quote;

use super::Checker;
use super::arguments::Reader;
use super::ops::{Found, Spot};
use crate::dim::{Cond, Dim, Shape, computed};
use crate::say::Say;

impl Checker<'_> {
    /// `glu` and its kind: one half of an axis gates the other.
    pub fn gated(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let op = reader.function();
        self.known_arguments(&mut reader, 0, &["axis"]);
        let axis = self.axis(spot, &reader);
        let code = quote!(__private::#op(&__x, #axis));
        let Shape::Known(dims) = &spot.state.shape else {
            let Some(last) = self.last_of(&spot.state.shape).filter(|_| axis < 0) else {
                return (code, Shape::Unknown(None));
            };
            let half = self.half(spot, &last).unwrap_or(last);
            return (code, self.with_last(&spot.state.shape, half));
        };
        let mut dims = dims.clone();
        let at = usize::try_from(axis).unwrap_or(dims.len().saturating_sub(1));
        let Some(dim) = dims.get_mut(at) else { return (code, Shape::Unknown(None)) };
        match self.half(spot, dim) {
            Some(half) => {
                *dim = half;
                (code, Shape::Known(dims))
            }
            None => (code, Shape::Unknown(None)),
        }
    }

    /// Half of an axis, which must be even.
    fn half(&mut self, spot: &Spot, dim: &Dim) -> Option<Dim> {
        let private = self.private();
        let say =
            Say::new(format!("{} splits an axis into two halves, but {} gives ", spot.who, spot.state.giver));
        if dim.is_dynamic() {
            self.errors.at(
                spot.op,
                say.text(format!("`{}`, whose size must be known for that", dim.text())).plain(),
            );
            return None;
        }
        let cond = match dim.fixed() {
            Some(n) => Cond::Known(n % 2 == 0),
            None => {
                let n = dim.tokens();
                Cond::Const(quote!(#private::divides(2, #n)))
            }
        };
        if !self.require(spot.op, cond, say.size(dim)) {
            return None;
        }
        Some(computed(
            &[dim],
            |n| n.first().map(|n| n / 2),
            |t| quote!((#(#t)* / 2)),
            |t| format!("({} / 2)", t.join("")),
        ))
    }
}
