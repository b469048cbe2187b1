//! Layers on tokens and on sequences.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::arguments::Reader;
use super::layers::Site;
use super::numbers::Range;
use super::sizes::strip;
use super::steps::Made;
use super::{Checker, State, local};
use crate::dim::{Cond, Const, Dim, Level, Shape, computed};
use crate::model::{Make, Run};
use crate::parse::Layer;
use crate::say::Say;
use crate::text::unraw;

/// The layers that have states.
pub const RECURRENT: [&str; 3] = ["Lstm", "Gru", "Rnn"];

/// How many tensors a recurrent layer gives: its output, its state, and an LSTM's memory.
fn states_of(kind: &str) -> usize {
    if kind == "Lstm" { 3 } else { 2 }
}

impl Checker<'_> {
    pub fn embedding(&mut self, site: &Site, mut reader: Reader) -> Made {
        let illia = self.illia.clone();
        let ty = quote!(#illia::nn::Embedding);
        let (who, state) = (site.who, site.state);
        let known = [
            "vocabulary",
            "padding_idx",
            "max_norm",
            "norm_type",
            "scale_grad_by_freq",
            "sparse",
            "prior",
            "posterior",
            "lora",
        ];
        self.known_arguments(&mut reader, 1, &known);
        let (dim, stated) = self.output_size(&reader, &format!("{who}: Embedding(32, vocabulary: 1000)"));
        let vocabulary = match (self.named_size(&reader, "vocabulary", 1), stated) {
            (None, Some((_, dim))) => Some(dim),
            (Some(_), Some((expr, _))) => {
                self.errors.at(&expr, "the vocabulary is given twice: before `=>` and by name");
                None
            }
            (None, None) if self.named_argument(&reader, "vocabulary").is_none() => {
                self.errors
                    .at(site.kind, "missing argument `vocabulary` of `Embedding`: how many tokens there are");
                None
            }
            (vocabulary, None) => vocabulary,
        };
        let mut settings = TokenStream::new();
        if let Some(expr) = self.named_argument(&reader, "padding_idx")
            && let Some(padding) = self.size(&expr, "`padding_idx` of `Embedding`", 0)
        {
            let n = padding.tokens();
            if let Some(vocabulary) = &vocabulary {
                let say = Say::new(format!("`padding_idx` of `{who}` is a token below its vocabulary of "))
                    .size(vocabulary)
                    .text(", got ")
                    .size(&padding);
                let cond = match (padding.fixed(), vocabulary.fixed()) {
                    (Some(padding), Some(vocabulary)) => Cond::Known(padding < vocabulary),
                    _ => {
                        let vocabulary = vocabulary.tokens();
                        Cond::Const(quote!(#n < #vocabulary))
                    }
                };
                self.require(&expr, cond, say);
            }
            settings.extend(quote!(padding_idx: ::core::option::Option::Some(#n),));
        }
        if let Some(expr) = self.named_argument(&reader, "max_norm")
            && let Some(x) = self.real(&expr, "`max_norm` of `Embedding`", Range::Positive)
        {
            settings.extend(quote!(max_norm: ::core::option::Option::Some(#x),));
        }
        if let Some(expr) = self.named_argument(&reader, "norm_type")
            && let Some(x) = self.real(&expr, "`norm_type` of `Embedding`", Range::Positive)
        {
            settings.extend(quote!(norm_type: #x,));
        }
        settings.extend(self.setting(&reader, "scale_grad_by_freq"));
        settings.extend(self.setting(&reader, "sparse"));
        let families = self.families(site, &reader, false);
        let giver = &state.giver;
        let mut fits = true;
        match &state.shape {
            Shape::Known(dims) if dims.len() != 1 || state.real => {
                let kind = if state.real { "of real numbers" } else { "" };
                let gives = format!("{giver} gives {} {kind}", state.shape.text());
                self.errors.at(
                    site.kind,
                    format!("`{who}` is an Embedding and takes [seq] of tokens, but {}", gives.trim_end()),
                );
                fits = false;
            }
            Shape::Opaque(_) => {
                self.errors.at(
                    site.kind,
                    format!(
                        "`{who}` is an Embedding and takes [seq] of tokens, but {giver} gives real numbers"
                    ),
                );
                fits = false;
            }
            _ => {}
        }
        let (Some(dim), Some(vocabulary), true) = (dim.clone(), vocabulary, fits) else {
            return Made::broken(ty, Shape::Unknown(dim.map(Box::new)));
        };
        let shape = match &state.shape {
            Shape::Known(dims) => Shape::Known(dims.iter().cloned().chain([dim.clone()]).collect()),
            _ => Shape::Unknown(Some(Box::new(dim.clone()))),
        };
        let (n, d) = (vocabulary.tokens(), dim.tokens());
        let config =
            quote!(#illia::nn::EmbeddingConfig { #settings #families ..::core::default::Default::default() });
        Made {
            kind: "Embedding".into(),
            make: Make::Function { function: quote!(#ty::try_new), arguments: quote!(#n, #d, #config) },
            run: Run::Forward,
            shape,
            estimator: false,
            ty,
        }
    }

    pub fn recurrent(&mut self, site: &Site, mut reader: Reader) -> Made {
        let illia = self.illia.clone();
        let name = Ident::new(&reader.kind, site.kind.span());
        let ty = quote!(#illia::nn::#name);
        let (who, state) = (site.who, site.state);
        let known = [
            "layers",
            "bidirectional",
            "bias",
            "dropout",
            "prior",
            "posterior",
            "bias_prior",
            "lora",
            "state",
            "memory",
        ];
        self.known_arguments(&mut reader, 1, &known);
        let (hidden, stated) = self.output_size(&reader, &format!("{who}: {name}(64)"));
        let mut settings = TokenStream::new();
        if let Some(layers) = self.named_size(&reader, "layers", 1) {
            let n = layers.tokens();
            settings.extend(quote!(layers: #n,));
        }
        settings.extend(self.setting(&reader, "bidirectional"));
        settings.extend(self.setting(&reader, "bias"));
        if let Some(expr) = self.named_argument(&reader, "dropout")
            && let Some(p) = self.real(&expr, &format!("`dropout` of `{name}`"), Range::Probability)
        {
            settings.extend(quote!(dropout: #p,));
        }
        let families = self.families(site, &reader, false);
        let outputs = hidden.clone().map(|hidden| self.directions(&reader, hidden));
        let wanted = "[seq, features]";
        let fits = self.rank(site, 2, wanted);
        let inputs = if fits { self.features(site, stated.as_ref()) } else { None };
        let (Some(hidden), Some(outputs), Some(inputs)) = (hidden, outputs.clone(), inputs) else {
            return Made::broken(ty, Shape::Unknown(outputs.map(Box::new)));
        };
        let (i, h) = (inputs.tokens(), hidden.tokens());
        let config =
            quote!(#illia::nn::RecurrentConfig { #settings #families ..::core::default::Default::default() });
        let run = match self.given_states(site, &reader, &hidden) {
            given if given.is_empty() => Run::with_training(),
            given => Run::States { given, outputs: Vec::new(), count: states_of(&reader.kind) },
        };
        Made {
            kind: name.to_string().into(),
            make: Make::Function { function: quote!(#ty::try_new), arguments: quote!(#i, #h, #config) },
            run,
            shape: self.with_last(&state.shape, outputs),
            estimator: false,
            ty,
        }
    }

    /// The values that `state` and an LSTM's `memory` name: `[layers * directions, hidden]` each.
    fn given_states(&mut self, site: &Site, reader: &Reader, hidden: &Dim) -> Vec<Ident> {
        let (state, memory) = (self.named_argument(reader, "state"), self.named_argument(reader, "memory"));
        let lstm = reader.kind == "Lstm";
        let problem = match (&state, &memory) {
            (_, Some(memory)) if !lstm => {
                Some((memory, format!("a `{}` has no memory, only a state", reader.kind)))
            }
            (Some(state), None) if lstm => Some((
                state,
                format!("`{}` starts from a state and a memory: `state: h, memory: c`", site.who),
            )),
            (None, Some(memory)) => Some((
                memory,
                format!("`{}` starts from a state and a memory: `state: h, memory: c`", site.who),
            )),
            _ => None,
        };
        if let Some((at, message)) = problem {
            self.errors.at(at, message);
            return Vec::new();
        }
        let wanted = Shape::Known(vec![self.state_rows(reader), hidden.clone()]);
        let mut given = Vec::new();
        for (name, expr) in [("state", state), ("memory", memory)] {
            let Some(expr) = expr else { continue };
            let Some((value, found)) = self.value_of(&expr, &format!("`{name}` of `{}`", reader.kind)) else {
                continue;
            };
            let say = Say::new(format!("`{name}` of `{}` takes ", site.who))
                .shape(&wanted)
                .text(format!(", layers by directions and features, but {} gives ", found.giver))
                .shape(&found.shape);
            self.same_shape(&expr, &wanted, &found.shape, say);
            given.push(local(&value));
        }
        given
    }

    /// How many states a recurrent layer has: layers times directions.
    fn state_rows(&mut self, reader: &Reader) -> Dim {
        let layers = match self.named_argument(reader, "layers") {
            Some(expr) => self.quietly(|checker| checker.size(&expr, "layers", 1)),
            None => None,
        };
        self.directions(reader, layers.unwrap_or(Dim::Fixed(1)))
    }

    /// `let (y, h) = gru: Gru(32);`, `let (y, h, c) = lstm: Lstm(32);`
    pub fn states_apart(
        &mut self,
        who: &str,
        layer: &Layer,
        deterministic: bool,
        state: &State,
        names: &[Ident],
    ) -> Made {
        let mut made = self.layer(who, layer, deterministic, state);
        let kind = layer.path.get_ident().map(Ident::to_string).unwrap_or_default();
        let count = states_of(&kind);
        if names.len() != count {
            let given = if count == 3 {
                "an output, a state and a memory: `let (y, h, c)"
            } else {
                "an output and a state: `let (y, h)"
            };
            self.errors.at(
                &layer.path,
                format!("`{who}` gives {given} = {who}: {kind}(..);`, got {} names", names.len()),
            );
        }
        let hidden = made.shape.dims().and_then(<[Dim]>::last).cloned();
        let states = match (layer.path.get_ident(), hidden) {
            (Some(ident), Some(_)) => {
                let reader = Reader::new(ident, layer.args.as_ref());
                let placed = self.placed(&reader).first().map(|(size, to)| to.unwrap_or(size).clone());
                let hidden = placed.and_then(|size| self.quietly(|checker| checker.size(&size, "hidden", 1)));
                hidden.map_or(Shape::Unknown(None), |hidden| {
                    Shape::Known(vec![self.state_rows(&reader), hidden])
                })
            }
            _ => Shape::Unknown(None),
        };
        for (i, name) in names.iter().enumerate() {
            let shape = if i == 0 { made.shape.clone() } else { states.clone() };
            let giver = format!("`{}` of `{who}`", unraw(name));
            self.name_value(name, State { shape, giver, real: true }, "the value");
        }
        let given = if let Run::States { given, .. } = &made.run { given.clone() } else { Vec::new() };
        let outputs = names.iter().map(|name| local(&unraw(name))).collect();
        if !matches!(made.make, Make::Broken) {
            made.run = Run::States { given, outputs, count };
        }
        made
    }

    /// What was looked at before, without its mistakes again.
    fn quietly<T>(&mut self, look: impl FnOnce(&mut Self) -> T) -> T {
        let (mistakes, requirements, sizes) =
            (self.errors.count(), self.model.requirements.len(), self.model.sizes.len());
        let found = look(self);
        self.errors.truncate(mistakes);
        self.model.requirements.truncate(requirements);
        self.model.sizes.truncate(sizes);
        found
    }

    /// The features of a recurrent layer's output: twice the hidden ones in both directions.
    fn directions(&mut self, reader: &Reader, hidden: Dim) -> Dim {
        let Some(both) = self.named_argument(reader, "bidirectional") else { return hidden };
        let literal = match strip(&both) {
            syn::Expr::Lit(lit) => match &lit.lit {
                syn::Lit::Bool(bool) => Some(bool.value),
                _ => None,
            },
            _ => None,
        };
        match literal {
            Some(false) => hidden,
            Some(true) => computed(
                &[&hidden],
                |n| n.first()?.checked_mul(2),
                |t| quote!((#(#t)* * 2)),
                |t| format!("{} * 2", t.join("")),
            ),
            None => {
                let level = self.level(&both).max(if hidden.fixed().is_some() {
                    Level::Item
                } else {
                    Level::Generic
                });
                let level = if level == Level::Item { Level::Item } else { Level::Generic };
                let n = hidden.tokens();
                let tokens = quote!((#n * if #both { 2 } else { 1 }));
                Dim::Const(Const { tokens, text: format!("{} or twice as many", hidden.text()), level })
            }
        }
    }
}
