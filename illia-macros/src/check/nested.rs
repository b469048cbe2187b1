//! Nets within the net.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Expr, Ident};

use super::layers::layer_names;
use super::ports::{Input, Side};
use super::sizes::ident_of;
use super::steps::{Kind, Made};
use super::{Checker, State, local};
use crate::dim::{Cond, Dim, Level, Shape};
use crate::model::{Checked, Make, Nested, Run};
use crate::parse::{self, Layer};
use crate::say::Say;
use crate::spans::{shown_at, span_of_first};
use crate::text::{packed, shown, unraw};

/// What a net is made with: the argument's name, and its value.
type Argument = (Ident, TokenStream);

/// What a `Vec<..>` is of.
fn listed_in(path: &syn::Path) -> Option<String> {
    let only = path.segments.last().filter(|last| last.ident == "Vec")?;
    let syn::PathArguments::AngleBracketed(of) = &only.arguments else { return None };
    of.args.first().map(shown)
}

impl Checker<'_> {
    /// `encoder: Encoder<32>`: a net, whose signature only the compiler knows.
    pub fn nested(&mut self, who: &str, layer: &Layer, deterministic: bool, state: &State) -> Made {
        if let Some(element) = listed_in(&layer.path) {
            let message = format!(
                "nets one behind the other are an array, `{who}: [{element}; 3]`, which is a `Vec` where an argument says how many"
            );
            self.errors.at(&layer.path, message);
            return Made::broken(layer.path.to_token_stream(), Shape::Unknown(None));
        }
        let Some((arguments, inputs)) = self.net_arguments(who, layer) else {
            return Made::broken(layer.path.to_token_stream(), Shape::Unknown(None));
        };
        let net = self.net(layer, arguments, deterministic);
        let of = net.of.clone();
        let (run, shape) = if inputs.is_empty() {
            self.single(who, layer, &of);
            (Run::Net(of.clone()), self.pass(who, layer, &net, state))
        } else {
            self.count(who, layer, &of, Side::Outputs, 1);
            self.take(who, layer, &net, &inputs);
            let inputs = inputs.into_iter().map(|(name, value, _)| (name, local(&value))).collect();
            (Run::Ports { of: of.clone(), inputs, outputs: Vec::new() }, self.output(layer, &net, 0))
        };
        Made {
            kind: self.kind_of(layer).into(),
            make: Make::Net(net),
            run,
            shape,
            estimator: false,
            ty: of.ty,
        }
    }

    /// `let (class, value) = heads: Heads;`: each output gets its name.
    pub fn apart(
        &mut self,
        who: &str,
        layer: &Layer,
        deterministic: bool,
        state: &State,
        names: &[Ident],
    ) -> Made {
        let broken = layer.signature.is_some()
            || layer
                .path
                .get_ident()
                .is_some_and(|ident| layer_names().contains(&ident.to_string().as_str()));
        if broken {
            let message = format!(
                "`{who}` gives one value: `let name = {who}: ..;`; several names are for a net of several outputs"
            );
            self.errors.at(&layer.path, message);
        }
        let known = if broken || self.is_itself(layer) { None } else { self.net_arguments(who, layer) };
        let Some((arguments, inputs)) = known else {
            for name in names {
                let giver = format!("`{}` of `{who}`", unraw(name));
                self.name_value(name, State { shape: Shape::Unknown(None), giver, real: true }, "the value");
            }
            return Made::broken(quote!(()), Shape::Unknown(None));
        };
        let net = self.net(layer, arguments, deterministic);
        let of = net.of.clone();
        let given = self.count(who, layer, &of, Side::Outputs, names.len());
        if inputs.is_empty() {
            self.count(who, layer, &of, Side::Inputs, 1);
            self.pass(who, layer, &net, state);
        } else {
            self.take(who, layer, &net, &inputs);
        }
        let mut first = None;
        for (i, name) in names.iter().enumerate() {
            let shape = self.output(layer, &net, i);
            first = first.or_else(|| Some(shape.clone()));
            if let Shape::Opaque(c) = &shape {
                self.sound.push((packed(&c.tokens), given.clone()));
            }
            let giver = format!("`{}` of `{who}`", unraw(name));
            self.name_value(name, State { shape, giver, real: true }, "the value");
        }
        let inputs = inputs.into_iter().map(|(name, value, _)| (name, local(&value))).collect();
        let outputs = names.iter().map(|name| local(&unraw(name))).collect();
        let run = Run::Ports { of: of.clone(), inputs, outputs };
        Made {
            kind: self.kind_of(layer).into(),
            make: Make::Net(net),
            run,
            shape: first.unwrap_or(Shape::Unknown(None)),
            estimator: false,
            ty: of.ty,
        }
    }

    /// A net's arguments, and what its inputs take by their names: named values. `None` after a mistake.
    fn net_arguments(&mut self, who: &str, layer: &Layer) -> Option<(Vec<Argument>, Vec<Input>)> {
        let (mut arguments, mut inputs) = (Vec::new(), Vec::new());
        self.given_once(layer);
        let names = |arg: &parse::Arg| arg.value.expr().and_then(ident_of);
        let some_values = layer
            .args
            .iter()
            .flat_map(|args| &args.list)
            .filter_map(names)
            .any(|name| self.value(name.trim_start_matches("r#")).is_some());
        for arg in layer.args.iter().flat_map(|args| &args.list) {
            let Some(name) = &arg.name else {
                let name = shown(&layer.path);
                let message = format!(
                    "`{name}` takes its arguments by name, `{who}: {name}(size: ..)`; a module of yours has its signature behind it, `{who}: {name}(..): [in] -> [out]`"
                );
                self.errors.span(layer.args.as_ref()?.span, message);
                return None;
            };
            match &arg.value {
                parse::Value::Expr(expr) => {
                    let value = ident_of(expr).map(|name| name.trim_start_matches("r#").to_owned());
                    match value.and_then(|value| Some((self.use_value(&value)?, value))) {
                        Some((state, value)) => inputs.push((unraw(name), value, state)),
                        None if some_values && self.axis_name(expr).is_some() => {
                            self.value_of(expr, &format!("`{name}` of `{who}`"))?;
                        }
                        None => arguments.push((name.clone(), quote!(#expr))),
                    }
                }
                parse::Value::Family(lora, _) if lora == "Lora" => {
                    let net = shown(&layer.path);
                    let message = format!(
                        "an adapter is of one layer, and `{net}` is a net: write `lora` where its layers are declared"
                    );
                    self.errors.at(name, message);
                    return None;
                }
                family => {
                    let made = match name.to_string().as_str() {
                        "posterior" => self.posterior(family),
                        "estimator" => self.estimator(family),
                        _ => self.prior(family),
                    };
                    arguments.push((name.clone(), made?));
                }
            }
        }
        Some((arguments, inputs))
    }

    /// No argument is given twice.
    pub fn given_once(&mut self, layer: &Layer) {
        let mut seen: Vec<&Ident> = Vec::new();
        for name in layer.args.iter().flat_map(|args| &args.list).filter_map(|arg| arg.name.as_ref()) {
            if seen.contains(&name) {
                let kind = shown(&layer.path);
                self.errors.at(name, format!("the argument `{name}` of `{kind}` is given twice"));
            }
            seen.push(name);
        }
    }

    /// A net in this one, and its own checks.
    fn net(&mut self, layer: &Layer, arguments: Vec<Argument>, deterministic: bool) -> Nested {
        let private = self.private();
        self.bound(layer);
        let of = self.inner(&layer.path, true);
        let defaults = if deterministic { quote!(&__defaults.deterministic()) } else { quote!(&__defaults) };
        if arguments.is_empty() {
            self.model.nets.push(Checked { of: of.clone(), arguments: None });
            let table = &of.table;
            let name = shown(&layer.path);
            let say =
                Say::new(format!("`{name}` is made with arguments, by their names: `{name}(size: ..)`"));
            self.require(&layer.path, Cond::Const(quote!(!#table.takes_arguments)), say);
            return Nested { of, defaults, arguments: None };
        }
        let (names, values): (Vec<Ident>, Vec<TokenStream>) = arguments.into_iter().unzip();
        let ty = &of.ty;
        let span = span_of_first(&layer.path.to_token_stream());
        let literal = shown_at(span, quote!(#private::ArgumentsOf::<#ty>));
        let made = self.made(
            "arguments",
            quote!(#private::ArgumentsOf::<#ty>),
            quote!(#literal { #(#names: #values),* }),
        );
        let step = self.step.clone();
        self.model.nets.push(Checked { of: of.clone(), arguments: Some((step, quote!(#made))) });
        Nested { of, defaults, arguments: Some(made) }
    }

    pub fn kind_of(&self, layer: &Layer) -> String {
        layer.path.segments.last().map_or_else(String::new, shown)
    }

    /// `blocks: [Block<16>; 3]`
    pub fn array(
        &mut self,
        who: &str,
        element: &Layer,
        count: &Expr,
        deterministic: bool,
        state: &State,
    ) -> Made {
        let private = self.private();
        let name = shown(&element.path);
        if self.is_itself(element) {
            return Made::broken(quote!(()), Shape::Unknown(None));
        }
        let known =
            element.path.get_ident().is_some_and(|ident| layer_names().contains(&ident.to_string().as_str()));
        if let (false, Some(signature)) = (known, &element.signature) {
            return self.modules(who, element, signature, count, state);
        }
        if known {
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
            (_, Some(ty)) if ty == "usize" => Some(quote!(#count)),
            (Dim::Fixed(n), _) => {
                let n = proc_macro2::Literal::i64_unsuffixed(*n);
                Some(quote!(#n))
            }
            (Dim::Const(c), _) if c.level == Level::Item => {
                let count = super::sizes::strip(count);
                Some(quote!({ (#count) as usize }))
            }
            (Dim::Const(c), _) if c.level == Level::Made => None,
            _ => {
                self.errors.at(count, format!("{what} is a const parameter of type `usize`, alone: the length of an array in Rust can be nothing else"));
                return Made::broken(quote!([#ty; 1]), Shape::Unknown(None));
            }
        };
        let Some((arguments, inputs)) = self.net_arguments(who, element) else {
            return Made::broken(quote!([#ty; 1]), Shape::Unknown(None));
        };
        if let Some((name, ..)) = inputs.first() {
            self.errors.at(
                &element.path,
                format!("an array of nets is a chain, so that `{name}` can't be given to each of them"),
            );
            return Made::broken(quote!([#ty; 1]), Shape::Unknown(None));
        }
        let net = self.net(element, arguments, deterministic);
        let of = net.of.clone();
        self.single(who, element, &of);
        let shape = self.pass(who, element, &net, state);
        if dim.fixed() != Some(1)
            && let Shape::Opaque(c) = &shape
        {
            let tokens = c.tokens.clone();
            let takes = self.port(&net, Side::Inputs, 0, format!("the input of `{name}`"));
            let input = self.shape_tokens(&takes);
            let say = Say::new(format!(
                "`{who}` is an array: each `{name}` must take what the one before gives, but it takes "
            ))
            .shape(&takes)
            .text(" and gives ")
            .shape(&shape);
            self.require(&element.path, Cond::Const(quote!(#private::accepts(#input, #tokens))), say);
        }
        let ty = &of.ty;
        let (field, count) = match length {
            Some(length) => (quote!([#ty; #length]), None),
            None => {
                let n = dim.tokens();
                (quote!(::std::vec::Vec<#ty>), Some(quote!((#n as usize))))
            }
        };
        Made {
            kind: Kind { counts: vec![dim], name: self.kind_of(element) },
            make: Make::Nets { net, count },
            run: Run::Nets(of),
            shape,
            estimator: false,
            ty: field,
        }
    }
}
