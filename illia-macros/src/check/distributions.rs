//! Priors, posteriors and estimators.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, Ident};

use super::Checker;
use super::arguments::Reader;
use super::layers::Site;
use super::numbers::{Range, float};
use super::sizes::strip;
use crate::dim::Level;
use crate::names;
use crate::parse::{self, Args, Value};
use crate::spans::{called, span_of_first};
use crate::text::shown;

/// An argument of a family: name, default, range.
type Number = (&'static str, f64, Range);

const PRIORS: [(&str, &[Number]); 6] = [
    ("Gaussian", &[("mean", 0.0, Range::Any), ("std", 0.1, Range::Positive)]),
    (
        "ScaleMixture",
        &[("pi", 0.5, Range::Inside), ("std1", 1.0, Range::Positive), ("std2", 0.0025, Range::Positive)],
    ),
    ("Laplace", &[("scale", 0.1, Range::Positive)]),
    ("StudentT", &[("dof", 3.0, Range::Positive), ("scale", 0.1, Range::Positive)]),
    ("LearnedGaussian", &[("std", 0.1, Range::Positive)]),
    ("FanIn", &[("scale", 2.0, Range::Positive)]),
];
const POSTERIORS: [&str; 7] = ["Gaussian", "Point", "Dropout", "GaussianDropout", "FanIn", "Plain", "Lora"];
const ESTIMATORS: [&str; 4] = ["Automatic", "Reparameterization", "LocalReparameterization", "Flipout"];

/// A family of the user's own: one that is none is an error where it stands.
fn from(expr: &Expr, function: TokenStream) -> TokenStream {
    let expr = strip(expr);
    called(span_of_first(&quote!(#expr)), function, quote!(#expr))
}

/// `0.1`, `-4`, `"normal"`
fn is_literal(expr: &Expr) -> bool {
    match strip(expr) {
        Expr::Lit(_) => true,
        Expr::Unary(unary) => is_literal(&unary.expr),
        _ => false,
    }
}

impl Checker<'_> {
    /// The net's defaults, put on those that it inherits.
    pub fn defaults_of(&mut self, list: &[parse::Default]) -> TokenStream {
        let mut seen: Vec<String> = Vec::new();
        let mut own = TokenStream::new();
        for parse::Default { name, value } in list {
            let text = name.to_string();
            if seen.contains(&text) {
                self.errors.at(name, format!("the default `{name}` is given twice"));
                continue;
            }
            let made = match text.as_str() {
                "prior" => self.prior(value).map(|prior| quote!(.with_prior(#prior))),
                "posterior" => self.posterior(value).map(|posterior| quote!(.with_posterior(#posterior))),
                _ => self.estimator(value).map(|estimator| quote!(.with_estimator(#estimator))),
            };
            own.extend(made);
            seen.push(text);
        }
        own
    }

    /// An expression of type `Prior`.
    pub fn prior(&mut self, value: &Value) -> Option<TokenStream> {
        let illia = self.illia.clone();
        let (family, args) = match value {
            Value::Expr(expr) if is_literal(expr) => {
                let said = shown(expr);
                self.errors.at(
                    expr,
                    format!("a prior is a family, its numbers by name, `Gaussian(std: 0.1)`, got `{said}`"),
                );
                return None;
            }
            Value::Expr(expr) => {
                return Some(self.valid(
                    "prior",
                    quote!(#illia::Prior),
                    from(expr, quote!(#illia::Prior::from)),
                ));
            }
            Value::Family(family, args) => (family, args.as_ref()),
        };
        let Some((_, numbers)) = PRIORS.iter().find(|(name, _)| family == name) else {
            let names = PRIORS.map(|(name, _)| name);
            return self.constant_or_unknown("prior", family, args, &names);
        };
        let names: Vec<&str> = numbers.iter().map(|(name, ..)| *name).collect();
        let mut reader = Reader::new(family, args);
        self.known_arguments(&mut reader, 0, &names);
        let fields = numbers.iter().map(|(name, default, range)| {
            let field = Ident::new(name, family.span());
            let value = match self.named_argument(&reader, name) {
                None => Some(quote!(#default)),
                Some(expr) => self.real(&expr, &format!("`{name}` of `{family}`"), *range),
            };
            value.map(|value| quote!(#field: #value))
        });
        // Every number is looked at, also behind one that is out of range.
        let fields: Vec<Option<TokenStream>> = fields.collect();
        let fields: Vec<TokenStream> = fields.into_iter().collect::<Option<_>>()?;
        Some(quote!(#illia::Prior::#family { #(#fields),* }))
    }

    /// A prior or posterior by an expression: what is known only when the net is made is made once, and looked at before anything else is.
    fn valid(&mut self, what: &str, ty: TokenStream, family: TokenStream) -> TokenStream {
        if self.level(&family) != Level::Made {
            return family;
        }
        let name = self.made(what, ty, family);
        // In the second iteration of a `repeat` it has been.
        if !self.quiet {
            self.model.families.push((self.step.clone(), quote!(#name)));
        }
        quote!(#name)
    }

    /// An expression of type `Posterior`.
    pub fn posterior(&mut self, value: &Value) -> Option<TokenStream> {
        let illia = self.illia.clone();
        let (family, args) = match value {
            Value::Expr(expr) if is_literal(expr) => {
                let said = shown(expr);
                self.errors.at(
                    expr,
                    format!(
                        "a posterior is a family, its numbers by name, `Gaussian(rho: -4.0)`, got `{said}`"
                    ),
                );
                return None;
            }
            Value::Expr(expr) => {
                return Some(self.valid(
                    "posterior",
                    quote!(#illia::Posterior),
                    from(expr, quote!(#illia::Posterior::from)),
                ));
            }
            Value::Family(family, args) => (family, args.as_ref()),
        };
        let mut reader = Reader::new(family, args);
        let open = ["mu", "rho", "init"].iter().filter_map(|name| self.named_argument(&reader, name));
        let open = open.filter(|expr| matches!(float(expr), Ok(None))).map(|expr| self.level(&expr)).max();
        let posterior = match family.to_string().as_str() {
            "Gaussian" => {
                let others = ["std", "sigma", "stddev"];
                if let Some(name) = others.iter().find_map(|name| reader.name_of(name)) {
                    let std = self
                        .named_argument(&reader, &name.to_string())
                        .and_then(|std| float(&std).ok().flatten());
                    let rho = std.map_or_else(|| "..".to_owned(), |std| format!("{:.2}", std.exp_m1().ln()));
                    let message =
                        format!("a posterior's standard deviation is softplus(rho): `Gaussian(rho: {rho})`");
                    self.errors.at(name, message);
                    reader.leave_out(&others);
                }
                self.known_arguments(&mut reader, 0, &["mu", "rho"]);
                let mu = self.init(&reader, "mu", quote!(0.0))?;
                let rho = self.init(&reader, "rho", quote!(-7.0))?;
                quote!(#illia::Posterior::Gaussian { mu: #mu, rho: #rho })
            }
            "FanIn" => {
                self.known_arguments(&mut reader, 0, &[]);
                quote!(#illia::Posterior::fan_in())
            }
            "Point" => {
                self.known_arguments(&mut reader, 0, &["mu"]);
                if self.named_argument(&reader, "mu").is_none() {
                    return Some(quote!(#illia::Posterior::point()));
                }
                let mu = self.init(&reader, "mu", quote!(0.0))?;
                quote!(#illia::Posterior::Point { mu: #mu })
            }
            "Dropout" => {
                self.known_arguments(&mut reader, 0, &["p", "mu"]);
                let p = match self.named_argument(&reader, "p") {
                    Some(expr) => self.real(&expr, "`p` of `Dropout`", Range::Probability)?,
                    None => {
                        self.errors.at(family, "`Dropout` needs its probability: `Dropout(p: 0.1)`");
                        return None;
                    }
                };
                if self.named_argument(&reader, "mu").is_none() {
                    return Some(quote!(#illia::Posterior::dropout(#p)));
                }
                let mu = self.init(&reader, "mu", quote!(0.0))?;
                quote!(#illia::Posterior::Dropout { p: #p, mu: #mu })
            }
            "GaussianDropout" => {
                self.known_arguments(&mut reader, 0, &["std", "mu", "rho"]);
                let std = match self.named_argument(&reader, "std") {
                    Some(expr) => self.real(&expr, "`std` of `GaussianDropout`", Range::Positive)?,
                    None => quote!(3.0),
                };
                if ["mu", "rho"].iter().all(|name| self.named_argument(&reader, name).is_none()) {
                    return Some(quote!(#illia::Posterior::gaussian_dropout(#std)));
                }
                let mu = self.init(&reader, "mu", quote!(0.0))?;
                let rho = self.init(&reader, "rho", quote!(-3.0))?;
                quote!(#illia::Posterior::GaussianDropout { std: #std, mu: #mu, rho: #rho })
            }
            "Plain" => {
                self.known_arguments(&mut reader, 0, &["init"]);
                if self.named_argument(&reader, "init").is_none() {
                    return Some(quote!(#illia::Posterior::plain()));
                }
                let init = self.init(&reader, "init", quote!(0.0))?;
                quote!(#illia::Posterior::Plain { init: #init })
            }
            "Lora" => return self.lora(reader, "posterior: Lora"),
            _ => return self.constant_or_unknown("posterior", family, args, &POSTERIORS),
        };
        Some(match open {
            Some(Level::Made) => self.valid("posterior", quote!(#illia::Posterior), posterior),
            _ => posterior,
        })
    }

    /// `lora: (rank: 8, alpha: 16.0)` of a layer: an expression of type `Posterior`.
    pub fn adapter(&mut self, site: &Site, reader: &Reader, value: &Value) -> Option<TokenStream> {
        let Value::Family(name, args) = value else { return None };
        let who = site.who;
        if self.family(reader, "posterior").is_some() {
            let message = format!(
                "`{who}` has `lora`, whose factors have a posterior of their own; leave `posterior` out, or `lora`"
            );
            self.errors.at(name, message);
        } else if site.deterministic {
            let message = format!(
                "the low-rank factors of `{who}` are random, and its own weight is plain already: leave `#[deterministic]` out, or `lora`"
            );
            self.errors.at(name, message);
        }
        let mut adapter = Reader::new(name, args.as_ref());
        adapter.kind = "lora".to_owned();
        self.lora(adapter, "lora: ")
    }

    fn lora(&mut self, mut reader: Reader, written: &str) -> Option<TokenStream> {
        let illia = self.illia.clone();
        let mistakes = self.errors.count();
        self.known_arguments(&mut reader, 0, &["rank", "alpha", "rho"]);
        let [rank, alpha] = ["rank", "alpha"].map(|name| self.named_argument(&reader, name));
        let (Some(_), Some(alpha)) = (rank, alpha) else {
            // What has another name is not missing.
            if self.errors.count() > mistakes {
                return None;
            }
            let message =
                format!("an adapter needs its rank and its scale: `{written}(rank: 8, alpha: 16.0)`");
            self.errors.at(&reader.at, message);
            return None;
        };
        let rank = self.named_size(&reader, "rank", 1).map(|rank| rank.tokens());
        let alpha = self.real(&alpha, &format!("`alpha` of `{}`", reader.kind), Range::Positive);
        if self.named_argument(&reader, "rho").is_none() {
            let (rank, alpha) = (rank?, alpha?);
            return Some(quote!(#illia::Posterior::lora(#rank, #alpha)));
        }
        let rho = self.init(&reader, "rho", quote!(-6.0));
        let (rank, alpha, rho) = (rank?, alpha?, rho?);
        Some(quote!(#illia::Posterior::Lora { rank: #rank, alpha: #alpha, rho: #rho }))
    }

    /// Where mu or rho starts: a number, or tch's `Init`.
    fn init(&mut self, reader: &Reader, name: &str, default: TokenStream) -> Option<TokenStream> {
        let private = self.private();
        let start = match self.named_argument(reader, name) {
            None => default,
            // An expression may be an `Init`.
            Some(expr) if matches!(float(&expr), Ok(None)) => quote!(#expr),
            Some(expr) => self.real(&expr, &format!("`{name}` of `{}`", reader.kind), Range::Any)?,
        };
        Some(quote!(#private::init(#start)))
    }

    /// An expression of type `Estimator`.
    pub fn estimator(&mut self, value: &Value) -> Option<TokenStream> {
        let illia = self.illia.clone();
        let (family, args) = match value {
            Value::Expr(expr) if is_literal(expr) => {
                let said = shown(expr);
                self.errors
                    .at(expr, format!("an estimator is one of {}, got `{said}`", names::listed(&ESTIMATORS)));
                return None;
            }
            Value::Expr(expr) => return Some(quote!(#expr)),
            Value::Family(family, args) => (family, args.as_ref()),
        };
        if !ESTIMATORS.iter().any(|name| family == name) {
            return self.constant_or_unknown("estimator", family, args, &ESTIMATORS);
        }
        if let Some(args) = args {
            self.errors.span(args.span, format!("`{family}` takes no argument"));
        }
        Some(quote!(#illia::Estimator::#family))
    }

    /// What a family of that name is.
    fn kind_of_family(name: &str) -> Option<&'static str> {
        if PRIORS.iter().any(|(prior, _)| *prior == name) {
            Some("prior")
        } else if POSTERIORS.contains(&name) {
            Some("posterior")
        } else {
            ESTIMATORS.contains(&name).then_some("estimator")
        }
    }

    /// A constant or variable of the user's, in the manner of one; else a misspelt family.
    fn constant_or_unknown(
        &mut self,
        what: &str,
        family: &Ident,
        args: Option<&Args>,
        known: &[&str],
    ) -> Option<TokenStream> {
        self.model.words.add(family, known.iter().copied());
        let illia = self.illia.clone();
        let name = family.to_string();
        let constant = !name.chars().any(char::is_lowercase) || !name.chars().any(char::is_uppercase);
        if args.is_none() && constant && names::nearest(&name, known).is_none() {
            return Some(match what {
                _ if !self.is_argument(&name) => quote!(#family),
                "prior" | "posterior" => {
                    let ty = if what == "prior" { quote!(#illia::Prior) } else { quote!(#illia::Posterior) };
                    let made = called(family.span(), quote!(#ty::from), quote!(#family));
                    self.valid(what, ty, made)
                }
                _ => quote!(#family),
            });
        }
        let lower = name.starts_with(char::is_lowercase);
        let hint = match args {
            Some(_) if lower => format!("a Rust expression stands in parentheses: `{what}: ({family}(..))`"),
            _ => match Self::kind_of_family(&name).filter(|kind| *kind != what) {
                Some(kind) => format!("it is {} {kind}", if kind == "estimator" { "an" } else { "a" }),
                None if args.is_none()
                    && what != "estimator"
                    && names::nearest(&name, known).is_none()
                    && names::elsewhere(&name, known).is_none() =>
                {
                    format!(
                        "known are {}; one of your own stands in parentheses, `{what}: ({name})`",
                        names::listed(known)
                    )
                }
                None => names::suggestion(&name, known),
            },
        };
        self.errors.at(family, format!("unknown {what} `{family}`; {hint}"));
        None
    }
}
