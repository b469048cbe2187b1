//! Layers on tokens and on sequences.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::Checker;
use super::arguments::{Range, Reader};
use super::layers::Site;
use super::sizes::strip;
use super::steps::Made;
use crate::dim::{Const, Dim, Level, Shape, computed};
use crate::model::{Make, Run};

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
            if let (Dim::Fixed(n), Some(Dim::Fixed(vocabulary))) = (&padding, &vocabulary)
                && n >= vocabulary
            {
                self.errors.at(
                    &expr,
                    format!(
                        "`padding_idx` of `{who}` is a token below its vocabulary of {vocabulary}, got {n}"
                    ),
                );
            }
            let n = padding.tokens();
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
        let known = ["layers", "bidirectional", "bias", "dropout", "prior", "posterior", "bias_prior"];
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
        Made {
            kind: name.to_string(),
            make: Make::Function { function: quote!(#ty::try_new), arguments: quote!(#i, #h, #config) },
            run: Run::with_training(),
            shape: self.with_last(&state.shape, outputs),
            estimator: false,
            ty,
        }
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
