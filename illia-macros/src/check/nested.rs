//! Nets within the net, and modules written by hand.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, Ident};

use super::layers::LAYERS;
use super::sizes::{ident_of, shown};
use super::steps::Made;
use super::{Checker, State};
use crate::dim::{Cond, Dim, Level, Shape};
use crate::model::{Make, Run};
use crate::parse::{self, Layer};
use crate::say::Say;

/// A layer's name with its article.
pub fn with_article(kind: &Ident) -> String {
    let name = kind.to_string();
    let article = if name.starts_with(['A', 'E', 'I', 'O', 'U']) || name == "Lstm" { "an" } else { "a" };
    format!("{article} {name}")
}

impl Checker<'_> {
    /// `encoder: Encoder<32>`: a net, whose signature only the compiler knows.
    pub fn nested(&mut self, who: &str, layer: &Layer, deterministic: bool, state: &State) -> Made {
        let ty = layer.path.to_token_stream();
        if let Some(args) = &layer.args {
            let name = shown(&layer.path);
            let message = format!(
                "`{name}` is a module of yours: write its signature behind it, `{who}: {name}(..): [in] -> [out]`; a net declared with `bnn!` takes no arguments"
            );
            self.errors.span(args.span, message);
            return Made::broken(ty, Shape::Unknown(None));
        }
        let posterior = self.twin(deterministic);
        let shape = self.pass(who, &ty, state);
        Made {
            kind: self.kind_of(layer),
            make: Make::Net { ty: ty.clone(), posterior },
            run: Run::Net(ty.clone()),
            shape,
            estimator: None,
            ty,
        }
    }

    fn twin(&self, deterministic: bool) -> TokenStream {
        let illia = &self.illia;
        if deterministic { quote!(&#illia::Posterior::into_deterministic) } else { quote!(posterior) }
    }

    fn kind_of(&self, layer: &Layer) -> String {
        layer.path.segments.last().map_or_else(String::new, shown)
    }

    /// The shape behind a net, for which the compiler checks what goes in.
    fn pass(&mut self, who: &str, ty: &TokenStream, state: &State) -> Shape {
        let (illia, private) = (self.illia.clone(), self.private());
        self.model.nets.push(ty.clone());
        let own = self.level(ty);
        let (input, output) = (quote!(<#ty as #illia::Net>::INPUT), quote!(<#ty as #illia::Net>::OUTPUT));
        let text = format!("the output of `{}`", shown(ty));
        let level = match &state.shape {
            Shape::Unknown(_) => return self.written(output, text, own),
            Shape::Opaque(c) => own.max(c.level),
            Shape::Known(dims) => dims.iter().fold(own, |level, dim| match dim {
                Dim::Const(c) => level.max(c.level),
                _ => level,
            }),
        };
        let given = self.shape_tokens(&state.shape);
        let takes = self.written(input.clone(), format!("the input of `{}`", shown(ty)), own);
        let say = Say::new(format!("`{who}` takes "))
            .shape(&takes)
            .text(format!(", but {} gives ", state.giver))
            .piece_shape(given.clone(), state.shape.text());
        let cond =
            Cond::Const { tokens: quote!(#private::accepts(#input, #given)), generic: level != Level::Item };
        self.require(ty, cond, say);
        self.opaque(quote!(#private::through(#input, #output, #given)), text, level)
    }

    /// `blocks: [Block<16>; 3]`
    pub fn array(&mut self, who: &str, element: &Layer, count: &Expr, state: &State) -> Made {
        let (illia, private) = (self.illia.clone(), self.private());
        let name = shown(&element.path);
        let known =
            element.path.get_ident().is_some_and(|ident| LAYERS.contains(&ident.to_string().as_str()));
        if known || element.args.is_some() || element.signature.is_some() {
            let message = format!(
                "an array is of nets, `[Block<16>; 3]`; for layers write `repeat 3 {{ {who}: {name}(..) }}`"
            );
            self.errors.at(&element.path, message);
            return Made::broken(quote!(()), Shape::Unknown(None));
        }
        let what = format!("the number of nets in `{who}`");
        let ty = element.path.to_token_stream();
        let Some(dim) = self.size(count, &what, 1) else {
            return Made::broken(quote!([#ty; 1]), Shape::Unknown(None));
        };
        let length = match (&dim, ident_of(count).and_then(|name| self.param_type(&name))) {
            (_, Some(ty)) if ty == "usize" => quote!(#count),
            (Dim::Fixed(n), _) => {
                let n = proc_macro2::Literal::i64_unsuffixed(*n);
                quote!(#n)
            }
            (Dim::Const(c), _) if c.level == Level::Item => {
                let count = super::sizes::strip(count);
                quote!({ (#count) as usize })
            }
            _ => {
                self.errors.at(count, format!("{what} is a const parameter of type `usize`, alone: the length of an array in Rust can be nothing else"));
                return Made::broken(quote!([#ty; 1]), Shape::Unknown(None));
            }
        };
        let shape = self.pass(who, &ty, state);
        if dim.fixed() != Some(1)
            && let Shape::Opaque(c) = &shape
        {
            let (tokens, level) = (c.tokens.clone(), c.level);
            let input = quote!(<#ty as #illia::Net>::INPUT);
            let takes = self.written(input.clone(), format!("the input of `{name}`"), self.level(&ty));
            let say = Say::new(format!(
                "`{who}` is an array: each `{name}` must take what the one before gives, but it takes "
            ))
            .shape(&takes)
            .text(" and gives ")
            .shape(&shape);
            let cond = Cond::Const {
                tokens: quote!(#private::accepts(#input, #tokens)),
                generic: level != Level::Item,
            };
            self.require(&ty, cond, say);
        }
        let posterior = self.twin(false);
        Made {
            kind: format!("{} × {}", dim.text(), self.kind_of(element)),
            make: Make::Nets { ty: ty.clone(), posterior },
            run: Run::Nets(ty.clone()),
            shape,
            estimator: None,
            ty: quote!([#ty; #length]),
        }
    }

    /// `attend: my::Attention(heads: 4): [seq, 64] -> [seq, 64]`
    pub fn module(
        &mut self,
        who: &str,
        layer: &Layer,
        signature: &(parse::Shape, parse::Shape),
        state: &State,
    ) -> Made {
        let ty = layer.path.to_token_stream();
        self.matches(&signature.0, state, &format!("`{who}` takes"));
        let shape = self.declared_shape(&signature.1, "an axis");
        let said = self.said_shape(&signature.1, &shape);
        self.model.needs_axes = true;
        let mut arguments = TokenStream::new();
        for arg in layer.args.iter().flat_map(|args| &args.list) {
            if let Some(to) = &arg.to {
                self.errors.at(to, "`=>` is for the library's layers; a module of yours has a signature");
            }
            match &arg.value {
                parse::Value::Expr(expr) => arguments.extend(quote!(#expr,)),
                parse::Value::Family(..) => {
                    let made = match arg.name.as_ref().map(ToString::to_string).as_deref() {
                        Some("posterior") => self.posterior(&arg.value),
                        Some("estimator") => self.estimator(&arg.value),
                        _ => self.prior(&arg.value),
                    };
                    let made = made.unwrap_or_default();
                    arguments.extend(quote!(#made,));
                }
            }
        }
        Made {
            kind: self.kind_of(layer),
            make: Make::Module { function: quote!(<#ty>::new), arguments },
            run: Run::Module(said),
            shape,
            estimator: None,
            ty,
        }
    }

    /// A declared shape for the run time: its names as they are written.
    pub fn said_shape(&self, declared: &parse::Shape, shape: &Shape) -> TokenStream {
        let dims = declared.axes.iter().zip(shape.dims().unwrap_or_default());
        let dims = dims
            .map(|(axis, dim)| self.axis_name(axis).map_or_else(|| dim.clone(), |name| Dim::named(&name)));
        self.shape_tokens(&Shape::Known(dims.collect()))
    }
}
