//! Which layers there are, and those on features and sequences.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::arguments::Reader;
use super::meant::rank_hint;
use super::ops::op_names;
use super::sizes::ident_of;
use super::steps::Made;
use super::{Checker, State};
use crate::dim::{Cond, Const, Dim, Shape};
use crate::model::{Make, Run};
use crate::names;
use crate::parse::Layer;
use crate::say::{Say, with_article};
use crate::text::shown;

/// What checks a layer and says what it comes to.
type Check = fn(&mut Checker<'_>, &Site<'_>, Reader) -> Made;

/// A layer of the library's: a new one is a row.
pub struct LayerRow {
    pub name: &'static str,
    check: Check,
}

const fn row(name: &'static str, check: Check) -> LayerRow {
    LayerRow { name, check }
}

/// The library's layers. `Tied`, which has no weights of its own, is looked at with the steps.
pub const LAYERS: &[LayerRow] = &[
    row("Linear", |c, site, reader| c.linear(site, reader)),
    row("Conv1d", |c, site, reader| c.convolution(site, reader, 1, false)),
    row("Conv2d", |c, site, reader| c.convolution(site, reader, 2, false)),
    row("Conv3d", |c, site, reader| c.convolution(site, reader, 3, false)),
    row("ConvTranspose1d", |c, site, reader| c.convolution(site, reader, 1, true)),
    row("ConvTranspose2d", |c, site, reader| c.convolution(site, reader, 2, true)),
    row("ConvTranspose3d", |c, site, reader| c.convolution(site, reader, 3, true)),
    row("Embedding", |c, site, reader| c.embedding(site, reader)),
    row("Lstm", |c, site, reader| c.recurrent(site, reader)),
    row("Gru", |c, site, reader| c.recurrent(site, reader)),
    row("Rnn", |c, site, reader| c.recurrent(site, reader)),
    row("SelfAttention", |c, site, reader| c.self_attention(site, reader)),
    row("CrossAttention", |c, site, reader| c.cross_attention(site, reader)),
    row("CgConv", |c, site, reader| c.crystal_convolution(site, reader)),
    row("Gcn", |c, site, reader| c.graph_convolution(site, reader)),
    row("Sage", |c, site, reader| c.graph_convolution(site, reader)),
    row("PositionEmbedding", |c, site, reader| c.position_embedding(site, reader)),
    row("ClassToken", |c, site, reader| c.class_token(site, reader)),
    row("LayerNorm", |c, site, reader| c.layer_norm(site, reader)),
    row("RmsNorm", |c, site, reader| c.rms_norm(site, reader)),
    row("BatchNorm1d", |c, site, reader| c.batch_norm(site, reader, 1)),
    row("BatchNorm2d", |c, site, reader| c.batch_norm(site, reader, 2)),
    row("BatchNorm3d", |c, site, reader| c.batch_norm(site, reader, 3)),
    row("GroupNorm", |c, site, reader| c.group_norm(site, reader)),
    row("Tied", |c, site, _| c.tied_elsewhere(site)),
];

/// The layers that take their output size first.
const SIZED: [&str; 13] = [
    "Linear",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Embedding",
    "Lstm",
    "Gru",
    "Rnn",
    "Gcn",
    "Sage",
];

/// Their names.
pub fn layer_names() -> Vec<&'static str> {
    LAYERS.iter().map(|layer| layer.name).collect()
}

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
        if self.is_itself(layer) {
            return Made::broken(quote!(()), Shape::Unknown(None));
        }
        if let Some(signature) = &layer.signature {
            return self.module(who, layer, signature, state);
        }
        let Some(kind) = layer.path.get_ident() else {
            let last = layer.path.segments.last().map(|last| last.ident.to_string());
            let placed = layer.args.iter().flat_map(|args| &args.list).any(|arg| arg.name.is_none());
            if let Some(last) = last.filter(|last| placed && LAYERS.iter().any(|row| row.name == last)) {
                let message = match layer.path.segments.len() {
                    1 => format!("`{last}` has no type parameters: `{who}: {last}(..)`"),
                    _ => format!(
                        "the library's layers go without a path, `{who}: {last}(..)`; a module of yours has its signature behind it, `{}(..): [in] -> [out]`",
                        shown(&layer.path)
                    ),
                };
                self.errors.at(&layer.path, message);
                return Made::broken(quote!(()), Shape::Unknown(None));
            }
            return self.nested(who, layer, deterministic, state);
        };
        let name = kind.to_string();
        if let Some(row) = LAYERS.iter().find(|row| row.name == name) {
            return self.known_layer(&Site { who, kind, state, deterministic }, row, layer);
        }
        let known = layer_names();
        self.model.words.add(kind, known.iter().copied());
        let by_name = layer.args.as_ref().is_some_and(|args| args.list.iter().all(|arg| arg.name.is_some()));
        // A net of the user's whose arguments go by name is no layer that has its size in front.
        let near = names::elsewhere(&name, &known).or_else(|| names::nearest(&name, &known));
        let near = near.filter(|near| !by_name || !SIZED.contains(near));
        let ops = op_names();
        let op = names::op_of(&name, &ops)
            .filter(|op| layer.args.is_some() || *op == name || names::PYTORCHS.contains(&name.as_str()));
        let arguments = layer
            .args
            .as_ref()
            .is_some_and(|args| args.list.iter().all(|arg| arg.name.is_some() && arg.to.is_none()));
        // A net's arguments go by name.
        if (layer.args.is_none() || (arguments && near.is_none())) && op.is_none() {
            return self.nested(who, layer, deterministic, state);
        }
        let placed = layer.args.iter().flat_map(|args| &args.list).filter(|arg| arg.name.is_none());
        let mut placed = placed.filter_map(|arg| arg.value.expr().and_then(ident_of));
        let value = placed.find(|value| self.value(value).is_some());
        let hint = match near {
            Some(known) if op.is_none() => format!("did you mean `{known}`?"),
            _ if op.is_some() && who == "project" => {
                "it is an op; what brings the ends together is a layer, or a net of yours".to_owned()
            }
            _ if op.is_some() => {
                format!("it is an op, which goes without a name: `{}`", op.unwrap_or_default())
            }
            _ if value.is_some() => format!(
                "a net of yours takes values by the names of its inputs: `{who}: {name}(input: {})`",
                value.unwrap_or_default()
            ),
            _ => format!(
                "a net of yours takes its inputs and arguments by name, `{who}: {name}(size: ..)`, a module of yours has its signature behind it, `{who}: {name}(..): [in] -> [out]`; known are {}",
                names::listed(&known)
            ),
        };
        self.errors.at(kind, format!("unknown layer `{name}`; {hint}"));
        match LAYERS.iter().find(|row| Some(row.name) == near) {
            // What follows is checked as if it had been meant.
            Some(row) => {
                let count = self.errors.count();
                let made = self.known_layer(&Site { who, kind, state, deterministic }, row, layer);
                self.errors.truncate(count);
                made
            }
            None => Made::broken(quote!(()), Shape::Unknown(None)),
        }
    }

    /// A net within itself, which would have no end.
    pub fn is_itself(&mut self, layer: &Layer) -> bool {
        let name = &self.net.ident;
        let [only] = layer.path.segments.iter().collect::<Vec<_>>()[..] else { return false };
        if only.ident != *name {
            return false;
        }
        let message = format!(
            "`{name}` can't stand in itself, since it would have no end; steps are repeated by `repeat 3 {{ .. }}`"
        );
        self.errors.at(&only.ident, message);
        true
    }

    fn known_layer(&mut self, site: &Site, row: &LayerRow, layer: &Layer) -> Made {
        let mut reader = Reader::new(site.kind, layer.args.as_ref());
        reader.kind = row.name.to_owned();
        (row.check)(self, site, reader)
    }

    /// `prior: .., bias_prior: .., posterior: .., estimator: ..` of a layer's configuration, defaults filled in.
    pub fn families(&mut self, site: &Site, reader: &Reader, estimator: bool) -> TokenStream {
        let defaults =
            if site.deterministic { quote!(__defaults.deterministic()) } else { quote!(__defaults) };
        let random = ["prior", "bias_prior", "estimator"].into_iter().find_map(|name| reader.name_of(name));
        if let Some(name) = random.filter(|_| site.deterministic) {
            let message = format!(
                "the weights of `{}` are plain, and have no `{name}`: leave it out, or `#[deterministic]`",
                site.who
            );
            self.errors.at(&name, message);
        }
        let prior = self.family(reader, "prior").and_then(|value| self.prior(&value));
        let prior = prior.unwrap_or_else(|| quote!(#defaults.prior()));
        let mut fields = quote!(prior: #prior,);
        if let Some(value) = self.family(reader, "bias_prior")
            && let Some(prior) = self.prior(&value)
        {
            fields.extend(quote!(bias_prior: ::core::option::Option::Some(#prior),));
        }
        let posterior = self.family(reader, "posterior").and_then(|value| self.posterior(&value));
        let posterior = match self.family(reader, "lora") {
            Some(value) => self.adapter(site, reader, &value),
            None => posterior,
        };
        fields.extend(match posterior {
            Some(posterior) => quote!(posterior: #defaults.of(#posterior),),
            None if reader.kind == "Linear" => quote!(posterior: #defaults.linear_posterior(),),
            None => quote!(posterior: #defaults.posterior(),),
        });
        if estimator {
            let given = self.family(reader, "estimator").and_then(|value| self.estimator(&value));
            let given = given.unwrap_or_else(|| quote!(#defaults.estimator()));
            fields.extend(quote!(estimator: #given,));
        }
        fields
    }

    /// `name: value,` of a configuration for a Rust expression.
    pub fn setting(&mut self, reader: &Reader, name: &str) -> TokenStream {
        match self.named_argument(reader, name) {
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
        self.known_arguments(
            &mut reader,
            1,
            &["bias", "prior", "posterior", "estimator", "bias_prior", "lora"],
        );
        let (outputs, stated) = self.output_size(&reader, &format!("{}: Linear(10)", site.who));
        let bias = self.setting(&reader, "bias");
        let families = self.families(site, &reader, true);
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
            estimator: true,
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
            // It is so already.
            Shape::Opaque(c) if c.text == format!("[.., {}]", last.text()) => shape.clone(),
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
            (Shape::Known(dims), None | Some(_)) if dims.is_empty() => Shape::Unknown(None),
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
                    let only = dims.len() == 1 && !state.real;
                    let hint = match dim {
                        Dim::Dynamic { base, times: 1, offset: 0, .. } if only && may_be_a_size(base) => {
                            format!(
                                "; tokens need an `Embedding(size, vocabulary: n)` first, and a size known when the net is made is an argument, `struct {}({base}: i64)`",
                                self.net.ident
                            )
                        }
                        Dim::Dynamic { base, .. } if only && base.contains(' ') => {
                            "; `last`, `first` or `mean` take the sequence away".to_owned()
                        }
                        _ if only => "; tokens need an `Embedding(size, vocabulary: n)` first".to_owned(),
                        _ => "; put the features last, with `permute` or `reshape`".to_owned(),
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
                let cond = Cond::Const(quote!(#tokens.last() > 0));
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
                shown(expr)
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
                let batch = dims.len() == rank + 1
                    && !state.real
                    && dims.first().is_some_and(|dim| dim.fixed().is_none());
                let hint = if batch && rank > 1 {
                    "; the batch is left out of a shape".to_owned()
                } else {
                    rank_hint(&kind.to_string(), dims)
                };
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
                let cond = Cond::Const(quote!(#tokens.rank() == #rank));
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

/// Whether the name of an axis may have been meant as a size, rather than as how long a sequence is.
pub fn may_be_a_size(name: &str) -> bool {
    name.len() > 1
        && !name.contains(' ')
        && !["seq", "len", "time", "token", "word"].iter().any(|length| name.starts_with(length))
}
