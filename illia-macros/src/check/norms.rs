//! Normalisations: tch's, which are plain layers, or the library's where they have a posterior.

use quote::quote;
use syn::Expr;

use super::Checker;
use super::arguments::Reader;
use super::convolutions::{cond_of, wanted};
use super::layers::Site;
use super::numbers::Range;
use super::steps::Made;
use crate::dim::{Cond, Dim, Shape};
use crate::model::{Make, Run};
use crate::say::Say;

impl Checker<'_> {
    pub fn layer_norm(&mut self, site: &Site, mut reader: Reader) -> Made {
        let (illia, private) = (self.illia.clone(), self.private());
        let ty = quote!(#illia::tch::nn::LayerNorm);
        self.known_arguments(&mut reader, 1, &["eps", "affine", "prior", "posterior"]);
        let (eps, affine) = self.eps_and_affine(&reader);
        let random = self.random_affine(site, &reader, &quote!(eps: #eps,));
        let last = match &site.state.shape {
            Shape::Known(dims) => dims.last().cloned().filter(|dim| !dim.is_dynamic()),
            Shape::Unknown(_) => return Made::broken(ty, site.state.shape.clone()),
            shape @ Shape::Opaque(_) => self.last_of(shape),
        };
        let Some(last) = last else {
            let (who, giver, shape) = (site.who, &site.state.giver, site.state.shape.text());
            let message = format!(
                "`{who}` is a LayerNorm over the last axis, whose size must be known, but {giver} gives {shape}"
            );
            self.errors.at(site.kind, message);
            return Made::broken(ty, site.state.shape.clone());
        };
        self.said_size(site, &reader, &last, "features");
        let n = last.tokens();
        if let Some(config) = random {
            let ty = quote!(#illia::nn::LayerNorm);
            return Made {
                kind: "LayerNorm".into(),
                make: Make::Function { function: quote!(#ty::try_new), arguments: quote!(#n, #config) },
                run: Run::Forward,
                shape: site.state.shape.clone(),
                estimator: false,
                ty,
            };
        }
        Made {
            kind: "LayerNorm".into(),
            make: Make::Function {
                function: quote!(#private::layer_norm),
                arguments: quote!(&[#n], #eps, #affine),
            },
            run: Run::Plain,
            shape: site.state.shape.clone(),
            estimator: false,
            ty,
        }
    }

    /// The last axis of a shape that only the compiler knows.
    pub fn last_of(&self, shape: &Shape) -> Option<Dim> {
        let Shape::Opaque(c) = shape else { return None };
        let tokens = &c.tokens;
        Some(Dim::Const(crate::dim::Const {
            tokens: quote!(#tokens.last()),
            text: format!("the last axis of {}", c.text),
            level: c.level,
        }))
    }

    /// `[features]`: the last axis, with what is said of it.
    pub fn rms_norm(&mut self, site: &Site, mut reader: Reader) -> Made {
        let illia = self.illia.clone();
        let ty = quote!(#illia::nn::RmsNorm);
        self.known_arguments(&mut reader, 1, &["eps", "affine", "prior", "posterior"]);
        let eps = self
            .named_argument(&reader, "eps")
            .and_then(|expr| self.real(&expr, &format!("`eps` of `{}`", reader.kind), Range::NonNegative));
        let mut settings = eps.map_or_else(proc_macro2::TokenStream::new, |eps| quote!(eps: #eps,));
        settings.extend(self.setting(&reader, "affine"));
        if let Some(prior) = self.family(&reader, "prior").and_then(|value| self.prior(&value)) {
            settings.extend(quote!(prior: #prior,));
        }
        if let Some(posterior) = self.family(&reader, "posterior").and_then(|value| self.posterior(&value)) {
            settings.extend(quote!(posterior: __defaults.of(#posterior),));
        }
        let Some(last) = self.features(site, None) else {
            return Made::broken(ty, site.state.shape.clone());
        };
        self.said_size(site, &reader, &last, "features");
        let n = last.tokens();
        let config = quote!(#illia::nn::RmsNormConfig { #settings ..::core::default::Default::default() });
        Made {
            kind: reader.kind.clone().into(),
            make: Make::Function { function: quote!(#ty::try_new), arguments: quote!(#n, #config) },
            run: Run::Forward,
            shape: site.state.shape.clone(),
            estimator: false,
            ty,
        }
    }

    pub fn batch_norm(&mut self, site: &Site, mut reader: Reader, axes: usize) -> Made {
        let (illia, private) = (self.illia.clone(), self.private());
        let ty = quote!(#illia::tch::nn::BatchNorm);
        self.known_arguments(&mut reader, 1, &["eps", "momentum", "affine", "prior", "posterior"]);
        let (eps, affine) = self.eps_and_affine(&reader);
        let momentum = match self.named_argument(&reader, "momentum") {
            Some(expr) => self.real(&expr, &format!("`momentum` of `{}`", reader.kind), Range::NonNegative),
            None => Some(quote!(0.1)),
        }
        .unwrap_or_else(|| quote!(0.1));
        let random = self.random_affine(site, &reader, &quote!(eps: #eps, momentum: #momentum,));
        let flat = axes == 1 && site.state.shape.dims().is_some_and(|dims| dims.len() == 1);
        if !flat && !self.rank(site, axes + 1, wanted(axes)) {
            return Made::broken(ty, site.state.shape.clone());
        }
        let Some(channels) = self.channels(site, None) else {
            return Made::broken(ty, site.state.shape.clone());
        };
        self.said_size(site, &reader, &channels, "channels");
        let n = channels.tokens();
        if let Some(config) = random {
            let ty = quote!(#illia::nn::BatchNorm);
            return Made {
                kind: reader.kind.clone().into(),
                make: Make::Function { function: quote!(#ty::try_new), arguments: quote!(#n, #config) },
                run: Run::with_training(),
                shape: site.state.shape.clone(),
                estimator: false,
                ty,
            };
        }
        Made {
            kind: reader.kind.clone().into(),
            make: Make::Function {
                function: quote!(#private::batch_norm),
                arguments: quote!(#axes, #n, #eps, #momentum, #affine),
            },
            run: Run::Plain,
            shape: site.state.shape.clone(),
            estimator: false,
            ty,
        }
    }

    pub fn group_norm(&mut self, site: &Site, mut reader: Reader) -> Made {
        let (illia, private) = (self.illia.clone(), self.private());
        let ty = quote!(#illia::tch::nn::GroupNorm);
        self.known_arguments(&mut reader, 1, &["groups", "eps", "affine"]);
        let (eps, affine) = self.eps_and_affine(&reader);
        let groups = self.named_size(&reader, "groups", 1);
        if self.named_argument(&reader, "groups").is_none() {
            self.errors.at(
                site.kind,
                "missing argument `groups` of `GroupNorm`: into how many the channels are split",
            );
        }
        let (Some(groups), Some(channels)) = (groups, self.channels(site, None)) else {
            return Made::broken(ty, site.state.shape.clone());
        };
        self.said_size(site, &reader, &channels, "channels");
        let who = site.who;
        let say = Say::new(format!("`groups` of `{who}` must divide its channels: "))
            .size(&groups)
            .text(" does not divide ")
            .size(&channels);
        let cond = match (groups.fixed(), channels.fixed()) {
            (Some(groups), Some(channels)) => Cond::Known(illia_shape::divides(groups, channels)),
            _ => cond_of(&[&groups, &channels], |t| quote!(#private::divides(#(#t),*))),
        };
        if let Some(expr) = self.named_argument(&reader, "groups") {
            self.require(expr, cond, say);
        }
        let (g, n) = (groups.tokens(), channels.tokens());
        Made {
            kind: "GroupNorm".into(),
            make: Make::Function {
                function: quote!(#private::group_norm),
                arguments: quote!(#g, #n, #eps, #affine),
            },
            run: Run::Plain,
            shape: site.state.shape.clone(),
            estimator: false,
            ty,
        }
    }

    /// A size may be written, though it is known: it must be the right one.
    fn said_size(&mut self, site: &Site, reader: &Reader, given: &Dim, what: &str) {
        let placed: Option<Expr> = self.placed(reader).first().map(|(expr, _)| (*expr).clone());
        if let Some(expr) = placed
            && let Some(said) = self.size(&expr, &format!("the size of `{}`", reader.kind), 1)
        {
            let say = Say::new(format!("`{}` takes ", site.who))
                .size(&said)
                .text(format!(" {what}, but {} gives ", site.state.giver))
                .size(given)
                .text("; the size can be left out");
            self.require(&expr, said.equals(given), say);
        }
    }

    /// The configuration of a norm with a posterior over gain and shift; None where none is given, and they are plain.
    fn random_affine(
        &mut self,
        site: &Site,
        reader: &Reader,
        settings: &proc_macro2::TokenStream,
    ) -> Option<proc_macro2::TokenStream> {
        let illia = self.illia.clone();
        let (prior, posterior) = (self.family(reader, "prior"), self.family(reader, "posterior"));
        let Some(posterior) = posterior else {
            if let (Some(_), Some(at)) = (prior, reader.name_of("prior")) {
                let message = format!(
                    "gain and shift of `{}` are plain, and have no prior; with a `posterior` they are random",
                    site.who
                );
                self.errors.at(at, message);
            }
            return None;
        };
        if let Some(affine) = self.named_argument(reader, "affine") {
            let message = format!("`{}` has a posterior over gain and shift: leave `affine` out", site.who);
            self.errors.at(affine, message);
        }
        let prior = match prior.and_then(|value| self.prior(&value)) {
            Some(prior) => quote!(prior: #prior,),
            None => proc_macro2::TokenStream::new(),
        };
        let posterior = self.posterior(&posterior)?;
        let of =
            if site.deterministic { quote!(__defaults.deterministic().of) } else { quote!(__defaults.of) };
        Some(quote!(#illia::nn::NormConfig {
            #settings #prior posterior: #of(#posterior), ..::core::default::Default::default()
        }))
    }

    fn eps_and_affine(&mut self, reader: &Reader) -> (proc_macro2::TokenStream, proc_macro2::TokenStream) {
        let eps = match self.named_argument(reader, "eps") {
            Some(expr) => self.real(&expr, &format!("`eps` of `{}`", reader.kind), Range::NonNegative),
            None => None,
        };
        let affine = self.named_argument(reader, "affine");
        (eps.unwrap_or_else(|| quote!(1e-5)), affine.map_or_else(|| quote!(true), |affine| quote!(#affine)))
    }
}
