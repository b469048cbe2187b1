//! Layers over a graph's edges, on `[nodes, features]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::arguments::Reader;
use super::layers::Site;
use super::steps::Made;
use super::{Checker, State, local};
use crate::dim::{Dim, Shape};
use crate::model::{Make, Run};
use crate::names;
use crate::say::Say;
use crate::text::shown;

const WANTED: &str = "[nodes, features]";

impl Checker<'_> {
    /// `Gcn` and `Sage`.
    pub fn graph_convolution(&mut self, site: &Site, mut reader: Reader) -> Made {
        let illia = self.illia.clone();
        let name = Ident::new(&reader.kind, site.kind.span());
        let ty = quote!(#illia::nn::#name);
        let known = ["edges", "bias", "prior", "posterior", "estimator", "bias_prior", "lora"];
        self.known_arguments(&mut reader, 1, &known);
        let (outputs, stated) = self.output_size(&reader, &format!("{}: {name}(16, edges: edges)", site.who));
        let bias = self.setting(&reader, "bias");
        let families = self.families(site, &reader, true);
        let edges = self.edges(site, &reader);
        let inputs = if self.rank(site, 2, WANTED) { self.features(site, stated.as_ref()) } else { None };
        let (Some(outputs), Some(inputs), Some((edges, _))) = (outputs.clone(), inputs, edges) else {
            return Made::broken(ty, Shape::Unknown(outputs.map(Box::new)));
        };
        let (i, o) = (inputs.tokens(), outputs.tokens());
        let config =
            quote!(#illia::nn::LinearConfig { #bias #families ..::core::default::Default::default() });
        Made {
            kind: reader.kind.clone().into(),
            make: Make::Function { function: quote!(#ty::try_new), arguments: quote!(#i, #o, #config) },
            run: Run::With(quote!(&#edges)),
            shape: self.with_last(&site.state.shape, outputs),
            estimator: true,
            ty,
        }
    }

    pub fn crystal_convolution(&mut self, site: &Site, mut reader: Reader) -> Made {
        let illia = self.illia.clone();
        let ty = quote!(#illia::nn::CgConv);
        let known = [
            "edges",
            "attributes",
            "aggregation",
            "bias",
            "prior",
            "posterior",
            "estimator",
            "bias_prior",
            "lora",
        ];
        self.known_arguments(&mut reader, 0, &known);
        let mut settings = self.setting(&reader, "bias");
        settings.extend(self.aggregation(&reader));
        settings.extend(self.families(site, &reader, true));
        let edges = self.edges(site, &reader);
        let channels = if self.rank(site, 2, WANTED) { self.features(site, None) } else { None };
        let (Some(channels), Some((edges, count))) = (channels, edges) else {
            return Made::broken(ty, site.state.shape.clone());
        };
        let (dim, attributes) = match self.attributes(site, &reader, count) {
            Ok(Some((name, dim))) => (dim.tokens(), quote!(::core::option::Option::Some(&#name))),
            Ok(None) => (quote!(0), quote!(::core::option::Option::None)),
            Err(()) => return Made::broken(ty, site.state.shape.clone()),
        };
        let n = channels.tokens();
        let config = quote!(#illia::nn::CgConvConfig { #settings ..::core::default::Default::default() });
        Made {
            kind: "CgConv".into(),
            make: Make::Function { function: quote!(#ty::try_new), arguments: quote!(#n, #dim, #config) },
            run: Run::With(quote!(&#edges, #attributes)),
            shape: site.state.shape.clone(),
            estimator: true,
            ty,
        }
    }

    /// The value that `edges` names, `[2, edges]`, and how many there are of them.
    fn edges(&mut self, site: &Site, reader: &Reader) -> Option<(Ident, Option<Dim>)> {
        let kind = &reader.kind;
        let Some(expr) = self.named_argument(reader, "edges") else {
            let message = format!(
                "missing argument `edges` of `{kind}`: the named value `[2, edges]` of node numbers, where each edge comes from and where it goes"
            );
            self.errors.at(site.kind, message);
            return None;
        };
        let (name, State { shape, giver, real }) = self.value_of(&expr, &format!("`edges` of `{kind}`"))?;
        let count = match &shape {
            Shape::Known(dims) => match dims.as_slice() {
                [two, count] if two.fixed() == Some(2) && !real => Some(count.clone()),
                _ => {
                    let what = if real { " of real numbers" } else { "" };
                    let message = format!(
                        "`edges` of `{}` takes [2, edges] of node numbers, but {giver} gives {}{what}",
                        site.who,
                        shape.text()
                    );
                    self.errors.at(&expr, message);
                    return None;
                }
            },
            _ => None,
        };
        Some((local(&name), count))
    }

    /// The value that `attributes` names, `[edges, dim]`, and its last axis.
    fn attributes(
        &mut self,
        site: &Site,
        reader: &Reader,
        edges: Option<Dim>,
    ) -> Result<Option<(Ident, Dim)>, ()> {
        let Some(expr) = self.named_argument(reader, "attributes") else { return Ok(None) };
        let (name, state) = self.value_of(&expr, &format!("`attributes` of `{}`", reader.kind)).ok_or(())?;
        let dim = match &state.shape {
            Shape::Known(dims) => match dims.as_slice() {
                [count, dim] if !dim.is_dynamic() => {
                    if let Some(edges) = edges {
                        let say = Say::new(format!("`{}` goes over [2, ", site.who))
                            .size(&edges)
                            .text(format!("], but {} gives attributes of [", state.giver))
                            .size(count)
                            .text(", ..]");
                        self.require(&expr, count.equals(&edges), say);
                    }
                    dim.clone()
                }
                _ => {
                    let message = format!(
                        "`attributes` of `{}` takes [edges, numbers], but {} gives {}",
                        site.who,
                        state.giver,
                        state.shape.text()
                    );
                    self.errors.at(&expr, message);
                    return Err(());
                }
            },
            _ => {
                let given = Site { who: site.who, kind: site.kind, state: &state, deterministic: false };
                self.features(&given, None).ok_or(())?
            }
        };
        Ok(Some((local(&name), dim)))
    }

    /// `aggregation: Mean`
    fn aggregation(&mut self, reader: &Reader) -> TokenStream {
        const KNOWN: [&str; 2] = ["Sum", "Mean"];
        let Some(expr) = self.named_argument(reader, "aggregation") else { return TokenStream::new() };
        let illia = self.illia.clone();
        let name = super::sizes::ident_of(&expr);
        match name.as_deref().and_then(|name| KNOWN.iter().find(|known| **known == name)) {
            Some(known) => {
                let known = Ident::new(known, reader.at.span());
                quote!(aggregation: #illia::nn::Aggregation::#known,)
            }
            None => {
                let said = shown(&expr);
                let hint = names::suggestion(&said, &KNOWN);
                self.errors.at(&expr, format!("unknown aggregation `{said}`; {hint}"));
                TokenStream::new()
            }
        }
    }
}
