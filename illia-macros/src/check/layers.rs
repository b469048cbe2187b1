//! Which layers there are, and those on features and sequences.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::arguments::Reader;
use super::nested::with_article;
use super::ops::OPS;
use super::steps::Made;
use super::{Checker, State};
use crate::dim::{Cond, Const, Dim, Level, Shape};
use crate::model::{Make, Run};
use crate::names;
use crate::parse::Layer;
use crate::say::Say;

/// The library's layers.
pub const LAYERS: [&str; 15] = [
    "Linear",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "Embedding",
    "Lstm",
    "Gru",
    "Rnn",
    "LayerNorm",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
];

/// What is common to a layer's check.
pub struct Site<'s> {
    /// The step's name.
    pub who: &'s str,
    pub kind: &'s Ident,
    pub state: &'s State,
    pub deterministic: bool,
}

impl Checker<'_> {
    /// A layer, a net or a module.
    pub fn layer(&mut self, who: &str, layer: &Layer, deterministic: bool, state: &State) -> Made {
        if let Some(signature) = &layer.signature {
            return self.module(who, layer, signature, state);
        }
        let Some(kind) = layer.path.get_ident() else {
            return self.nested(who, layer, deterministic, state);
        };
        let name = kind.to_string();
        if LAYERS.contains(&name.as_str()) {
            return self.known_layer(&Site { who, kind, state, deterministic }, &name, layer);
        }
        if layer.args.is_none() {
            return self.nested(who, layer, deterministic, state);
        }
        let hint = match names::nearest(&name, &LAYERS) {
            Some(known) => format!("did you mean `{known}`?"),
            None if OPS.contains(&names::as_op(&name).as_str()) => {
                format!("it is an op, which goes without a name: `{}`", names::as_op(&name))
            }
            None => format!(
                "known are {}; a net of yours goes without parentheses, a module of yours with its signature: `{who}: {name}(..): [in] -> [out]`",
                names::listed(&LAYERS)
            ),
        };
        self.errors.at(kind, format!("unknown layer `{name}`; {hint}"));
        match names::nearest(&name, &LAYERS) {
            // What follows is checked as if it had been meant.
            Some(known) => {
                let count = self.errors.count();
                let made = self.known_layer(&Site { who, kind, state, deterministic }, known, layer);
                self.errors.truncate(count);
                made
            }
            None => Made::broken(quote!(()), Shape::Unknown(None)),
        }
    }

    fn known_layer(&mut self, site: &Site, name: &str, layer: &Layer) -> Made {
        let mut reader = Reader::new(site.kind, layer.args.as_ref());
        reader.kind = name.to_owned();
        match name {
            "Linear" => self.linear(site, reader),
            "Conv1d" => self.convolution(site, reader, 1),
            "Conv2d" => self.convolution(site, reader, 2),
            "Conv3d" => self.convolution(site, reader, 3),
            "ConvTranspose1d" => self.transposed(site, reader, 1),
            "ConvTranspose2d" => self.transposed(site, reader, 2),
            "Embedding" => self.embedding(site, reader),
            "Lstm" | "Gru" | "Rnn" => self.recurrent(site, reader),
            "LayerNorm" => self.layer_norm(site, reader),
            "BatchNorm1d" => self.batch_norm(site, reader, 1),
            "BatchNorm2d" => self.batch_norm(site, reader, 2),
            "BatchNorm3d" => self.batch_norm(site, reader, 3),
            _ => self.group_norm(site, reader),
        }
    }

    /// `prior: .., bias_prior: .., posterior: .., estimator: ..` of a layer's configuration, defaults filled in.
    pub fn families(
        &mut self,
        site: &Site,
        reader: &Reader,
        estimator: bool,
    ) -> (TokenStream, Option<TokenStream>) {
        let illia = self.illia.clone();
        let defaults = self.defaults.clone();
        let mut fields = TokenStream::new();
        let prior = match self.family(reader, "prior") {
            Some(value) => self.prior(&value),
            None => defaults.prior,
        };
        if let Some(prior) = prior {
            fields.extend(quote!(prior: #prior,));
        }
        if let Some(value) = self.family(reader, "bias_prior")
            && let Some(prior) = self.prior(&value)
        {
            fields.extend(quote!(bias_prior: ::core::option::Option::Some(#prior),));
        }
        let posterior = match self.family(reader, "posterior") {
            Some(value) => self.posterior(&value),
            None => defaults.posterior,
        };
        let posterior = posterior.unwrap_or_else(|| quote!(::core::default::Default::default()));
        fields.extend(if site.deterministic {
            quote!(posterior: #illia::Posterior::into_deterministic(#posterior),)
        } else {
            quote!(posterior: posterior(#posterior),)
        });
        if !estimator {
            return (fields, None);
        }
        let given = match self.family(reader, "estimator") {
            Some(value) => self.estimator(&value),
            None => defaults.estimator,
        };
        let shown = given.clone().unwrap_or_else(|| quote!(#illia::Estimator::Reparameterization));
        if let Some(estimator) = given {
            fields.extend(quote!(estimator: #estimator,));
        }
        (fields, Some(shown))
    }

    /// `name: value,` of a configuration for a Rust expression.
    pub fn setting(&mut self, reader: &Reader, name: &str) -> TokenStream {
        match self.named(reader, name) {
            Some(expr) => {
                let field = Ident::new(name, reader.at.span());
                quote!(#field: #expr,)
            }
            None => TokenStream::new(),
        }
    }

    fn linear(&mut self, site: &Site, mut reader: Reader) -> Made {
        let illia = self.illia.clone();
        let ty = quote!(#illia::nn::Linear);
        self.known_arguments(&mut reader, 1, &["bias", "prior", "posterior", "estimator", "bias_prior"]);
        let (outputs, stated) = self.output_size(&reader, &format!("{}: Linear(10)", site.who));
        let bias = self.setting(&reader, "bias");
        let (families, estimator) = self.families(site, &reader, true);
        let last = outputs.clone().map(Box::new);
        let Some(inputs) = self.features(site, stated.as_ref()) else {
            return Made::broken(ty, self.after_last(&site.state.shape, outputs));
        };
        let Some(outputs) = outputs else {
            return Made::broken(ty, Shape::Unknown(last));
        };
        let (i, o) = (inputs.tokens(), outputs.tokens());
        let config =
            quote!(#illia::nn::LinearConfig { #bias #families ..::core::default::Default::default() });
        Made {
            kind: "Linear".into(),
            make: Make::Function { function: quote!(#ty::try_new), arguments: quote!(#i, #o, #config) },
            run: Run::Forward,
            shape: self.with_last(&site.state.shape, outputs),
            estimator,
            ty,
        }
    }

    /// The shape with another last axis.
    pub fn with_last(&mut self, shape: &Shape, last: Dim) -> Shape {
        match shape {
            Shape::Known(dims) => {
                let mut dims = dims.clone();
                dims.pop();
                dims.push(last);
                Shape::Known(dims)
            }
            Shape::Opaque(c) => {
                let (private, tokens, n) = (self.private(), &c.tokens, last.tokens());
                self.opaque(
                    quote!(#private::with_last(#tokens, #n)),
                    format!("[.., {}]", last.text()),
                    c.level,
                )
            }
            Shape::Unknown(_) => Shape::Unknown(Some(Box::new(last))),
        }
    }

    fn after_last(&mut self, shape: &Shape, last: Option<Dim>) -> Shape {
        match (shape, last) {
            (Shape::Known(dims), Some(last)) if dims.len() > 1 || dims.iter().all(|d| !d.is_dynamic()) => {
                self.with_last(shape, last)
            }
            (_, last) => Shape::Unknown(last.map(Box::new)),
        }
    }

    /// The last axis, whose size must be known and be the stated one.
    pub fn features(&mut self, site: &Site, stated: Option<&(syn::Expr, Dim)>) -> Option<Dim> {
        let (who, state) = (site.who, site.state);
        let kind = site.kind;
        let giver = &state.giver;
        let last = match &state.shape {
            Shape::Known(dims) => match dims.last() {
                Some(dim) if dim.is_dynamic() => {
                    let hint = if dims.len() == 1 && !state.real {
                        "; tokens need an `Embedding(size, vocabulary: n)` first"
                    } else {
                        "; put the features last, with `permute` or `reshape`"
                    };
                    let shape = state.shape.text();
                    self.errors.at(kind, format!(
                        "`{who}` is a {kind} layer on the last axis, whose size must be known, but {giver} gives {shape}{hint}"
                    ));
                    return None;
                }
                Some(dim) => dim.clone(),
                None => {
                    self.errors.at(kind, format!("`{who}` is a {kind} layer on the last axis, but {giver} gives [], a single number"));
                    return None;
                }
            },
            Shape::Opaque(c) => {
                let c = c.clone();
                let tokens = &c.tokens;
                let say = Say::new(format!(
                    "`{who}` is a {kind} layer on the last axis, whose size must be known, but {giver} gives "
                ))
                .shape(&state.shape);
                let cond =
                    Cond::Const { tokens: quote!(#tokens.last() > 0), generic: c.level != Level::Item };
                self.require(kind, cond, say);
                Dim::Const(Const {
                    tokens: quote!(#tokens.last()),
                    text: format!("the last axis of {}", c.text),
                    level: c.level,
                })
            }
            Shape::Unknown(last) => match (stated, last) {
                (Some((_, dim)), None) => dim.clone(),
                (_, Some(last)) => (**last).clone(),
                (None, None) => return None,
            },
        };
        let Some((expr, dim)) = stated else { return Some(last) };
        self.stated(site, expr, dim, &last, "features");
        Some(last)
    }

    /// A stated input size must be what comes.
    pub fn stated(&mut self, site: &Site, expr: &syn::Expr, dim: &Dim, given: &Dim, what: &str) {
        let (who, kind) = (site.who, site.kind);
        let say = Say::new(format!("`{who}` takes "))
            .size(dim)
            .text(format!(" {what}, but {} gives ", site.state.giver))
            .size(given)
            .text(format!("; the input size can be left out: `{kind}(output size)`"));
        let say = if let Dim::Fixed(n) = given {
            Say::new(format!("`{who}` takes ")).size(dim).text(format!(
                " {what}, but {} gives {n}; write `{kind}({n} => ..)` or leave `{} =>` out",
                site.state.giver,
                super::sizes::shown(expr)
            ))
        } else {
            say
        };
        self.require(expr, dim.equals(given), say);
    }

    /// The input must have so many axes.
    pub fn rank(&mut self, site: &Site, rank: usize, wanted: &str) -> bool {
        let (who, kind, state) = (site.who, site.kind, site.state);
        let giver = &state.giver;
        match &state.shape {
            Shape::Known(dims) if dims.len() != rank => {
                let hint = rank_hint(&kind.to_string(), dims);
                let message = format!(
                    "`{who}` is {} and takes {wanted}, but {giver} gives {}{hint}",
                    with_article(kind),
                    state.shape.text()
                );
                self.errors.at(kind, message);
                false
            }
            Shape::Opaque(c) => {
                let tokens = &c.tokens;
                let cond =
                    Cond::Const { tokens: quote!(#tokens.rank() == #rank), generic: c.level != Level::Item };
                let say = Say::new(format!(
                    "`{who}` is {} and takes {wanted}, but {giver} gives ",
                    with_article(kind)
                ))
                .shape(&state.shape);
                self.require(kind, cond, say);
                true
            }
            _ => true,
        }
    }
}

/// What might have been meant, where the input has the wrong number of axes.
fn rank_hint(kind: &str, dims: &[Dim]) -> String {
    let [one] = dims else { return String::new() };
    match (kind, one.fixed()) {
        ("Conv2d", Some(n)) => {
            let side = (1..=n).find(|side| side * side >= n).unwrap_or(n);
            if side * side == n && side > 1 {
                format!("; `reshape([1, {side}, {side}])` before it makes an image of them")
            } else {
                "; put a `reshape([channels, height, width])` before it".into()
            }
        }
        ("Conv1d", Some(n)) => {
            format!("; `reshape([1, {n}])` before it makes a signal of one channel of them")
        }
        ("Lstm" | "Gru" | "Rnn", None) => "; tokens need an `Embedding(size, vocabulary: n)` first".into(),
        _ => String::new(),
    }
}
