//! Ops that join named values to what flows.

use quote::quote;
use syn::{Expr, Ident};

use super::arguments::Reader;
use super::ops::{Found, Spot};
use super::{Checker, State, local};
use crate::dim::Shape;
use crate::text::shown;

impl Checker<'_> {
    /// `add(v)` and `multiply(v)`.
    pub fn with_a_value(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let op = reader.function();
        let who = spot.who.clone();
        if let [(one, _), (other, _), ..] = self.placed(&reader).as_slice() {
            let (one, two) = (shown(one), shown(other));
            let fix = if spot.state.shape.is_unknown() {
                format!("{one} -> {op}({two})")
            } else {
                format!("{op}({one}) -> {op}({two})")
            };
            self.errors.at(other, format!("`{op}` joins one value to what flows: `{fix}`"));
            return (quote!(__private::flatten(&__x)), spot.state.shape.clone());
        }
        self.known_arguments(&mut reader, 1, &[]);
        let placed: Option<Expr> = self.placed(&reader).first().map(|(expr, _)| (*expr).clone());
        let unknown = (quote!(__private::flatten(&__x)), Shape::Unknown(None));
        let Some(expr) = placed else {
            self.errors.at(spot.op, format!("`{op}` joins a named value: `{op}(skip)`"));
            return unknown;
        };
        let Some((name, other)) = self.value_of(&expr, &format!("what `{op}` joins")) else { return unknown };
        let shape = self.broadcast(spot.op, &who, &spot.state, &other);
        let value = local(&name);
        let joined = Ident::new(if op == "add" { "add_value" } else { "multiply_value" }, op.span());
        (quote!(__private::#joined(&__x, &#value)), shape)
    }

    /// `concat(v, ..)`: the chain's first, then the values in order.
    pub fn concat_values(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        // Layers in there are branches.
        if !reader.is_empty() && self.placed(&reader).is_empty() && reader.name_of("axis").is_none() {
            self.errors.at(spot.op, "`concat` joins named values: `concat(skip)`; branches stand in braces, `concat { { .. }, { .. } }`");
            return (quote!(__private::flatten(&__x)), Shape::Unknown(None));
        }
        self.known_arguments(&mut reader, usize::MAX, &["axis"]);
        let mut placed: Vec<Expr> = self.placed(&reader).into_iter().map(|(expr, _)| expr.clone()).collect();
        if let [Expr::Array(array)] = placed.as_slice() {
            let values: Vec<String> = array.elems.iter().map(shown).collect();
            let message = format!("`concat` takes values without brackets: `concat({})`", values.join(", "));
            self.errors.at(array, message);
            placed = array.elems.iter().cloned().collect();
        }
        let unknown = (quote!(__private::flatten(&__x)), Shape::Unknown(None));
        if placed.is_empty() {
            self.errors.at(spot.op, "`concat` joins named values: `concat(skip)`; branches stand in braces, `concat { { .. }, { .. } }`");
            return unknown;
        }
        let axis = self.named_argument(&reader, "axis").map(|_| self.axis(spot, &reader).max(0) as usize);
        let mut joined = spot.state.clone();
        let mut values = vec![quote!(__x.shallow_clone())];
        for expr in &placed {
            let Some((name, other)) = self.value_of(expr, "what `concat` joins") else { return unknown };
            let shape = self.joined(spot.op, "what a `concat` joins may differ", axis, &joined, &other);
            joined = State { shape, giver: joined.giver, real: joined.real || other.real };
            let value = local(&name);
            values.push(quote!(#value.shallow_clone()));
        }
        let code = match axis {
            Some(axis) => {
                let axis = proc_macro2::Literal::usize_unsuffixed(axis);
                quote!(__private::concat_along(#axis, &[#(#values),*]))
            }
            None => {
                let shape = self.shape_tokens(&joined.shape);
                quote!(__private::concat(#shape, &[#(#values),*]))
            }
        };
        (code, joined.shape)
    }
}
