//! Attention and what else a transformer is made of, on `[seq, features]`.

use proc_macro2::TokenStream;
use quote::quote;

use super::arguments::Reader;
use super::layers::Site;
use super::numbers::Range;
use super::steps::Made;
use super::{Checker, Place, State, local};
use crate::dim::{Cond, Dim, Shape};
use crate::model::{Call, Counted, Make, Node, Run};
use crate::parse::Layer;
use crate::say::Say;

const FAMILIES: [&str; 5] = ["prior", "posterior", "estimator", "bias_prior", "lora"];

impl Checker<'_> {
    pub fn self_attention(&mut self, site: &Site, mut reader: Reader) -> Made {
        let known: Vec<&str> =
            ["heads", "causal", "dropout", "mask", "bias"].into_iter().chain(FAMILIES).collect();
        self.known_arguments(&mut reader, 0, &known);
        let illia = self.illia.clone();
        let ty = quote!(#illia::nn::SelfAttention);
        let settings = self.attention_settings(site, &reader, true);
        let mask = self.mask(site, &reader, site.state);
        let Some((features, heads)) = self.heads(site, &reader) else {
            // A sequence stays one; what is none has told so.
            let sequence = site.state.shape.dims().is_none_or(|dims| dims.len() == 2);
            let shape = if sequence { site.state.shape.clone() } else { Shape::Unknown(None) };
            return Made::broken(ty, shape);
        };
        let (d, h) = (features.tokens(), heads.tokens());
        let config = quote!(#illia::nn::AttentionConfig { #settings ..::core::default::Default::default() });
        Made {
            kind: reader.kind.clone().into(),
            make: Make::Function { function: quote!(#ty::try_new), arguments: quote!(#d, #h, #config) },
            run: Run::ForwardT(quote!(#mask,)),
            shape: site.state.shape.clone(),
            estimator: true,
            ty,
        }
    }

    pub fn cross_attention(&mut self, site: &Site, mut reader: Reader) -> Made {
        let known: Vec<&str> =
            ["heads", "memory", "dropout", "mask", "bias"].into_iter().chain(FAMILIES).collect();
        self.known_arguments(&mut reader, 0, &known);
        let (illia, who) = (self.illia.clone(), site.who);
        let ty = quote!(#illia::nn::CrossAttention);
        let settings = self.attention_settings(site, &reader, false);
        let broken = Made::broken(ty.clone(), site.state.shape.clone());
        let Some(expr) = self.named_argument(&reader, "memory") else {
            self.errors.at(
                site.kind,
                "missing argument `memory` of `CrossAttention`: the named value that is attended to",
            );
            return broken;
        };
        let memory = self.value_of(&expr, "`memory` of `CrossAttention`");
        let found = self.heads(site, &reader);
        let (Some((name, memory)), Some((features, heads))) = (memory, found) else { return broken };
        let mask = self.mask(site, &reader, &memory);
        let given = Site { who, kind: site.kind, state: &memory, deterministic: site.deterministic };
        if !self.rank(&given, 2, "a memory of [seq, features]") {
            return broken;
        }
        let Some(width) = self.features(&given, None) else { return broken };
        let (d, m, h, memory) = (features.tokens(), width.tokens(), heads.tokens(), local(&name));
        let config = quote!(#illia::nn::AttentionConfig { #settings ..::core::default::Default::default() });
        Made {
            kind: reader.kind.clone().into(),
            make: Make::Function { function: quote!(#ty::try_new), arguments: quote!(#d, #m, #h, #config) },
            run: Run::ForwardT(quote!(&#memory, #mask,)),
            shape: site.state.shape.clone(),
            estimator: true,
            ty,
        }
    }

    fn attention_settings(&mut self, site: &Site, reader: &Reader, causal: bool) -> TokenStream {
        let mut settings = TokenStream::new();
        if causal {
            settings.extend(self.setting(reader, "causal"));
        }
        settings.extend(self.setting(reader, "bias"));
        if let Some(expr) = self.named_argument(reader, "dropout")
            && let Some(p) = self.real(&expr, &format!("`dropout` of `{}`", reader.kind), Range::Probability)
        {
            settings.extend(quote!(dropout: #p,));
        }
        settings.extend(self.families(site, reader, true));
        settings
    }

    /// The features, and the heads that divide them.
    fn heads(&mut self, site: &Site, reader: &Reader) -> Option<(Dim, Dim)> {
        let private = self.private();
        let expr = self.named_argument(reader, "heads");
        if expr.is_none() {
            self.errors.at(
                site.kind,
                format!(
                    "missing argument `heads` of `{}`: into how many the features are split",
                    reader.kind
                ),
            );
        }
        let heads = self.named_size(reader, "heads", 1);
        if !self.rank(site, 2, "[seq, features]") {
            return None;
        }
        let features = self.features(site, None)?;
        let heads = heads?;
        let say = Say::new(format!("`heads` of `{}` must divide its features: ", site.who))
            .size(&heads)
            .text(" does not divide the ")
            .size(&features)
            .text(format!(" of {}", site.state.giver));
        let cond = match (heads.fixed(), features.fixed()) {
            (Some(heads), Some(features)) => Cond::Known(illia_shape::divides(heads, features)),
            _ => {
                let (h, d) = (heads.tokens(), features.tokens());
                Cond::Const(quote!(#private::divides(#h, #d)))
            }
        };
        self.require(expr?, cond, say).then_some((features, heads))
    }

    /// `[seq]`, 0 where there is nothing: of the sequence that is attended to.
    pub fn mask(&mut self, site: &Site, reader: &Reader, of: &State) -> TokenStream {
        let none = quote!(::core::option::Option::None);
        let Some(expr) = self.named_argument(reader, "mask") else { return none };
        let Some((name, mask)) = self.value_of(&expr, &format!("`mask` of `{}`", reader.kind)) else {
            return none;
        };
        let length = |shape: &Shape| match shape {
            Shape::Known(dims) => dims.first().cloned().map(|dim| Shape::Known(vec![dim])),
            _ => None,
        };
        if let Some(wanted) = length(&of.shape) {
            let say = Say::new(format!("`mask` of `{}` takes ", site.who.trim_matches('`')))
                .shape(&wanted)
                .text(format!(", but {} gives ", mask.giver))
                .shape(&mask.shape);
            self.same_shape(&expr, &wanted, &mask.shape, say);
        }
        let mask = local(&name);
        quote!(::core::option::Option::Some(&#mask))
    }

    pub fn position_embedding(&mut self, site: &Site, mut reader: Reader) -> Made {
        self.known_arguments(&mut reader, 0, &["max", "prior", "posterior"]);
        let illia = self.illia.clone();
        let ty = quote!(#illia::nn::PositionEmbedding);
        let families = self.families(site, &reader, false);
        if self.named_argument(&reader, "max").is_none() {
            self.errors.at(site.kind, "missing argument `max` of `PositionEmbedding`: the longest sequence");
        }
        let max = self.named_size(&reader, "max", 1);
        let fits = self.rank(site, 2, "[seq, features]");
        let features = if fits { self.features(site, None) } else { None };
        let (Some(max), Some(features)) = (max, features) else {
            return Made::broken(ty, site.state.shape.clone());
        };
        let (m, d) = (max.tokens(), features.tokens());
        let length = site.state.shape.dims().and_then(<[Dim]>::first).filter(|length| !length.is_dynamic());
        if let (Some(length), Some(expr)) = (length, self.named_argument(&reader, "max")) {
            let say = Say::new(format!("`max` of `{}` is the longest sequence, ", site.who))
                .size(&max)
                .text(format!(", but {} gives ", site.state.giver))
                .shape(&site.state.shape);
            let cond = match (length.fixed(), max.fixed()) {
                (Some(length), Some(max)) => Cond::Known(length <= max),
                _ => {
                    let length = length.tokens();
                    Cond::Const(quote!(#length <= #m))
                }
            };
            self.require(expr, cond, say);
        }
        Made {
            kind: reader.kind.clone().into(),
            make: Make::Function {
                function: quote!(#ty::try_new),
                arguments: quote!(#m, #d, #illia::nn::TokenConfig { #families }),
            },
            run: Run::Forward,
            shape: site.state.shape.clone(),
            estimator: false,
            ty,
        }
    }

    pub fn class_token(&mut self, site: &Site, mut reader: Reader) -> Made {
        self.known_arguments(&mut reader, 0, &["prior", "posterior"]);
        let (illia, private) = (self.illia.clone(), self.private());
        let ty = quote!(#illia::nn::ClassToken);
        let families = self.families(site, &reader, false);
        let fits = self.rank(site, 2, "[seq, features]");
        let features = if fits { self.features(site, None) } else { None };
        let Some(features) = features else { return Made::broken(ty, Shape::Unknown(None)) };
        let d = features.tokens();
        let one_more = |dim: &Dim| match dim {
            dim if dim.is_dynamic() => dim.scaled(1, 1),
            dim => crate::dim::computed(
                &[dim],
                |n| n.first()?.checked_add(1),
                |t| quote!((#(#t)* + 1)),
                |t| format!("({} + 1)", t.join("")),
            ),
        };
        let shape = match &site.state.shape {
            Shape::Known(dims) => {
                let mut dims = dims.clone();
                if let Some(first) = dims.first_mut() {
                    *first = one_more(first);
                }
                Shape::Known(dims)
            }
            Shape::Opaque(c) => {
                let tokens = &c.tokens;
                self.opaque(
                    quote!(#private::one_longer(#tokens)),
                    format!("{} and one more", c.text),
                    c.level,
                )
            }
            shape => shape.clone(),
        };
        Made {
            kind: reader.kind.clone().into(),
            make: Make::Function {
                function: quote!(#ty::try_new),
                arguments: quote!(#d, #illia::nn::TokenConfig { #families }),
            },
            run: Run::Forward,
            shape,
            estimator: false,
            ty,
        }
    }

    /// `head: Tied(embed)`: the weights of an `Embedding` as the output layer.
    pub fn tied(&mut self, who: &str, layer: &Layer, state: &State, place: &Place) -> (Option<Node>, Shape) {
        let Some(kind) = layer.path.get_ident().cloned() else { return (None, Shape::Unknown(None)) };
        let mut reader = Reader::new(&kind, layer.args.as_ref());
        self.known_arguments(&mut reader, 1, &[]);
        let placed = self.placed(&reader).first().map(|(expr, _)| (*expr).clone());
        let embedding = placed.as_ref().and_then(super::sizes::ident_of);
        let known = embedding.as_ref().and_then(|name| {
            let known = self.known.iter().rev().find(|known| known.name == *name)?;
            known.layer.path.is_ident("Embedding").then(|| known.clone())
        });
        let Some(known) = known else {
            let message = format!(
                "`{who}` is tied to an earlier `Embedding`, by its step's name: `{who}: Tied(embed)`"
            );
            match &placed {
                Some(expr) => self.errors.at(expr, message),
                None => self.errors.at(&kind, message),
            }
            return (None, Shape::Unknown(None));
        };
        // Its sizes, as its own check reads them; what there is to say of them is said there.
        let mut embedding = Reader::new(&kind, known.layer.args.as_ref());
        let count = self.errors.count();
        let (dim, stated) = {
            embedding.kind = "Embedding".into();
            let names = [
                "vocabulary",
                "padding_idx",
                "max_norm",
                "norm_type",
                "scale_grad_by_freq",
                "sparse",
                "prior",
                "posterior",
            ];
            self.known_arguments(&mut embedding, 1, &names);
            self.output_size(&embedding, "")
        };
        let vocabulary = self.named_size(&embedding, "vocabulary", 1).or(stated.map(|(_, dim)| dim));
        self.errors.truncate(count);
        let (Some(dim), Some(vocabulary)) = (dim, vocabulary) else { return (None, Shape::Unknown(None)) };
        let site = Site { who, kind: &kind, state, deterministic: false };
        let Some(features) = self.features(&site, None) else { return (None, Shape::Unknown(None)) };
        let say = Say::new(format!("`{who}` takes "))
            .size(&dim)
            .text(format!(" features, those of `{}`, but {} gives ", known.name, state.giver))
            .size(&features);
        self.require(&kind, dim.equals(&features), say);
        let shape = self.with_last(&state.shape, vocabulary);
        self.row(place, "Tied", shape.clone(), Counted::Tied(known.field), false);
        let call = Call {
            field: known.field,
            path: known.place.parts.clone(),
            make: Make::Broken,
            run: Run::Tied,
            name: place.names.join("."),
            index: known.place.index,
        };
        (Some(Node::Again(call)), shape)
    }

    /// Where a layer with weights is wanted.
    pub fn tied_elsewhere(&mut self, site: &Site) -> Made {
        self.errors.at(site.kind, "`Tied` has no weights of its own: it is a step, `head: Tied(embed)`");
        Made::broken(quote!(()), Shape::Unknown(None))
    }
}
