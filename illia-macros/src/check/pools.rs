//! Pools over the spatial axes of `[channels, spatial..]`.

use quote::quote;
use syn::Expr;

use super::Checker;
use super::arguments::Reader;
use super::convolutions::Window;
use super::ops::{Found, Spot};
use crate::dim::{Cond, Dim, Shape};
use crate::say::Say;

impl Checker<'_> {
    /// How many spatial axes there are; 1 where it is not known.
    pub fn spatial(&mut self, spot: &Spot) -> Option<usize> {
        match &spot.state.shape {
            Shape::Known(dims) if (2..=4).contains(&dims.len()) => Some(dims.len() - 1),
            Shape::Known(_) => {
                let message = format!(
                    "{} takes [channels, spatial..], but {} gives {}",
                    spot.who,
                    spot.state.giver,
                    spot.state.shape.text()
                );
                self.errors.at(spot.op, message);
                None
            }
            Shape::Opaque(c) => {
                let tokens = &c.tokens;
                let say = Say::new(format!(
                    "{} takes [channels, spatial..], but {} gives ",
                    spot.who, spot.state.giver
                ))
                .shape(&spot.state.shape);
                let cond = Cond::Const(quote!(#tokens.rank() >= 2));
                self.require(spot.op, cond, say);
                Some(1)
            }
            Shape::Unknown(_) => None,
        }
    }

    /// One size for each spatial axis; where their number is not known, as many as are written.
    pub fn settings(
        &mut self,
        spot: &Spot,
        reader: &Reader,
        expr: &Expr,
        name: &str,
        axes: usize,
        least: i64,
    ) -> Result<Vec<Dim>, ()> {
        let axes = match (&spot.state.shape, super::sizes::strip(expr)) {
            (Shape::Opaque(_), Expr::Tuple(tuple)) => tuple.elems.len(),
            _ => axes,
        };
        self.sizes_of(expr, &format!("`{name}` of `{}`", reader.kind), axes, least)
    }

    pub fn pool(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let op = reader.function();
        let max = reader.kind == "max_pool";
        let known: &[&str] =
            if max { &["kernel", "stride", "padding", "dilation"] } else { &["kernel", "stride", "padding"] };
        self.known_arguments(&mut reader, 1, known);
        let unknown = (quote!(__private::flatten(&__x)), Shape::Unknown(None));
        let placed: Option<Expr> = self.placed(&reader).first().map(|(expr, _)| (*expr).clone());
        let Some(expr) = placed.or_else(|| self.named_argument(&reader, "kernel")) else {
            self.errors.at(spot.op, format!("`{op}` needs its window: `{op}(2)`"));
            return unknown;
        };
        let axes = self.spatial(spot);
        let count = axes.unwrap_or(1);
        let Ok(kernel) = self.settings(spot, &reader, &expr, "kernel", count, 1) else { return unknown };
        let mut list = |name: &str, least: i64, default: Vec<Dim>| match self.named_argument(&reader, name) {
            Some(expr) => self.settings(spot, &reader, &expr, name, count, least),
            None => Ok(default),
        };
        let stride = list("stride", 1, kernel.clone());
        let padding = list("padding", 0, vec![Dim::Fixed(0); kernel.len()]);
        let dilation = list("dilation", 1, vec![Dim::Fixed(1); kernel.len()]);
        let (Ok(stride), Ok(padding), Ok(dilation)) = (stride, padding, dilation) else { return unknown };
        for (k, p) in kernel.iter().zip(&padding) {
            if let (Some(k), Some(p)) = (k.fixed(), p.fixed())
                && p > k / 2
                && let Some(at) = self.named_argument(&reader, "padding")
            {
                self.errors.at(at, format!("`padding` of `{op}` is at most half its window of {k}, got {p}"));
                return unknown;
            }
        }
        if axes.is_none() {
            return unknown;
        }
        let window = Window { kernel, stride, padding, dilation };
        let shape =
            self.slide(&quote!(#expr), spot.who.trim_matches('`'), "window", &spot.state, None, &window);
        let tokens = |list: &[Dim]| {
            let all_same =
                list.iter().all(|dim| dim.text() == list.first().map(Dim::text).unwrap_or_default());
            let list = list.iter().take(if all_same { 1 } else { list.len() }).map(Dim::tokens);
            quote!(&[#(#list),*])
        };
        let (k, s, p, d) = (
            tokens(&window.kernel),
            tokens(&window.stride),
            tokens(&window.padding),
            tokens(&window.dilation),
        );
        let code = if max {
            quote!(__private::max_pool(&__x, #k, #s, #p, #d))
        } else {
            quote!(__private::avg_pool(&__x, #k, #s, #p))
        };
        (code, shape)
    }

    pub fn adaptive_pool(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let private = self.private();
        self.known_arguments(&mut reader, 1, &[]);
        let unknown = (quote!(__private::flatten(&__x)), Shape::Unknown(None));
        let placed: Option<Expr> = self.placed(&reader).first().map(|(expr, _)| (*expr).clone());
        let Some(expr) = placed else {
            self.errors.at(spot.op, "`adaptive_avg_pool` needs its output size: `adaptive_avg_pool(1)`");
            return unknown;
        };
        let Some(axes) = self.spatial(spot) else { return unknown };
        let Ok(sizes) = self.settings(spot, &reader, &expr, "size", axes, 1) else { return unknown };
        let list: Vec<_> = sizes.iter().map(Dim::tokens).collect();
        let shape = match &spot.state.shape {
            Shape::Known(dims) => {
                Shape::Known(dims.iter().take(1).cloned().chain(sizes.iter().cloned()).collect())
            }
            Shape::Opaque(c) => {
                let tokens = &c.tokens;
                self.opaque(
                    quote!(#private::with_spatial(#tokens, &[#(#list),*])),
                    "[channels, ..]".into(),
                    c.level,
                )
            }
            Shape::Unknown(_) => Shape::Unknown(None),
        };
        (quote!(__private::adaptive_avg_pool(&__x, &[#(#list),*])), shape)
    }

    pub fn global_pool(&mut self, spot: &Spot, mut reader: Reader) -> Found {
        let private = self.private();
        self.known_arguments(&mut reader, 0, &[]);
        let code = quote!(__private::global_avg_pool(&__x));
        if self.spatial(spot).is_none() {
            return (code, Shape::Unknown(None));
        }
        let shape = match &spot.state.shape {
            Shape::Known(dims) => Shape::Known(dims.iter().take(1).cloned().collect()),
            Shape::Opaque(c) => {
                let tokens = &c.tokens;
                self.opaque(
                    quote!(#private::first_only(#tokens)),
                    format!("the channels of {}", c.text),
                    c.level,
                )
            }
            Shape::Unknown(_) => Shape::Unknown(None),
        };
        (code, shape)
    }
}
