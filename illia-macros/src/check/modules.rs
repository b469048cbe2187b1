//! Modules written by hand: their signature, what they are made with.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Expr;

use super::sizes::ident_of;
use super::steps::{Kind, Made};
use super::{Checker, State};
use crate::dim::{Dim, Shape};
use crate::model::{Make, Run};
use crate::parse::{self, Layer};
use crate::say::Say;
use crate::spans::{called, span_of_first};
use crate::text::shown;

impl Checker<'_> {
    /// `attend: my::Attention(heads: 4): [seq, 64] -> [seq, 64]`
    pub fn module(
        &mut self,
        who: &str,
        layer: &Layer,
        signature: &(parse::Shape, parse::Shape),
        state: &State,
    ) -> Made {
        let of = self.inner(&layer.path, false);
        let ty = of.ty.clone();
        self.matches(&signature.0, state, &format!("`{who}` takes"));
        let shape = self.declared_shape(&signature.1, "an axis");
        let said = self.said_shape(&signature.1, &shape);
        self.model.needs_axes = true;
        let (mut arguments, mut settings) = (TokenStream::new(), TokenStream::new());
        let mut configured = false;
        self.given_once(layer);
        for arg in layer.args.iter().flat_map(|args| &args.list) {
            // `..`: what is not said is as the `Config` has it by default.
            if arg.name.is_none()
                && matches!(arg.value.expr(), Some(Expr::Range(all)) if all.start.is_none() && all.end.is_none())
            {
                configured = true;
                continue;
            }
            if let Some(to) = &arg.to {
                self.errors.at(to, "`=>` is for the library's layers; a module of yours has a signature");
            }
            let value = match &arg.value {
                parse::Value::Expr(expr)
                    if ident_of(expr).is_some_and(|value| self.use_value(&value).is_some()) =>
                {
                    let message = format!(
                        "a module of yours takes what flows alone; `{}` comes to it joined, by `concat` for instance",
                        shown(expr)
                    );
                    self.errors.at(expr, message);
                    continue;
                }
                parse::Value::Expr(expr) => quote!(#expr),
                family => {
                    let made = match arg.name.as_ref().map(ToString::to_string).as_deref() {
                        Some("posterior") => self.posterior(family),
                        Some("estimator") => self.estimator(family),
                        _ => self.prior(family),
                    };
                    made.unwrap_or_default()
                }
            };
            match &arg.name {
                None if configured => {
                    self.errors.at(value, "arguments without a name come first, in the order of `new`");
                }
                None => arguments.extend(quote!(#value,)),
                Some(name) => {
                    configured = true;
                    settings.extend(quote!(__config.#name = #value;));
                }
            }
        }
        // By their names they are fields of its `Config`, the last argument of `new`, as of the library's own layers.
        if configured {
            let private = self.private();
            let config = quote!(#private::config::<#ty>);
            let config = called(span_of_first(&ty), config, quote!(|__config| { #settings }));
            arguments.extend(quote!(#config,));
        }
        Made {
            kind: self.kind_of(layer).into(),
            make: Make::Module { function: quote!(<#ty>::new), arguments },
            run: Run::Module { of, shape: said },
            shape,
            estimator: false,
            ty,
        }
    }

    /// `[my::Block(8): [16] -> [16]; 3]`: as many modules written by hand, one after the other.
    pub fn modules(
        &mut self,
        who: &str,
        layer: &Layer,
        signature: &(parse::Shape, parse::Shape),
        count: &Expr,
        state: &State,
    ) -> Made {
        let name = shown(&layer.path);
        let made = self.module(who, layer, signature, state);
        let times = self.size(count, &format!("the number of modules in `{who}`"), 1);
        let ty = &made.ty;
        let ty = quote!(::std::vec::Vec<#ty>);
        let (Some(times), Make::Module { function, arguments }, Run::Module { of, shape: said }) =
            (times, made.make, made.run)
        else {
            return Made::broken(ty, made.shape);
        };
        if times.fixed() != Some(1) {
            let say = Say::new(format!(
                "`{who}` is an array: each `{name}` must give what the next one takes, but it takes "
            ))
            .shape(&state.shape)
            .text(" and gives ")
            .shape(&made.shape);
            self.same_shape(&layer.path, &state.shape, &made.shape, say);
        }
        let n = times.tokens();
        Made {
            kind: Kind { counts: vec![times], name: made.kind.name },
            make: Make::Modules { function, arguments, count: quote!((#n) as usize) },
            run: Run::Modules { of, shape: said },
            ty,
            ..made
        }
    }

    /// A declared shape for the run time: its names as they are written.
    pub fn said_shape(&self, declared: &parse::Shape, shape: &Shape) -> TokenStream {
        let dims = declared.axes.iter().zip(shape.dims().unwrap_or_default());
        let dims = dims.map(|(axis, dim)| match self.axis_of(axis) {
            Some((name, times, plus)) => Dim::named(&name).scaled(times, plus),
            None => dim.clone(),
        });
        self.shape_tokens(&Shape::Known(dims.collect()))
    }
}
