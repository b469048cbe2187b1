//! Nets within the net, and modules written by hand.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Expr, Ident, Path, Type, WherePredicate};

use super::layers::layer_names;
use super::sizes::{ident_of, shown};
use super::steps::{Made, unraw};
use super::{Checker, State, local};
use crate::dim::{Cond, Dim, Level, Shape};
use crate::generics::mentioned;
use crate::model::{Checked, Inner, Make, Nested, Run, Typed};
use crate::names;
use crate::parse::{self, Layer};
use crate::say::Say;
use crate::spans::{called, shown_at, span_of_first};

/// What a net is made with: the argument's name, and its value.
type Argument = (Ident, TokenStream);

/// What a net takes by name: its input, the value, and what that is.
type Input = (String, String, State);

/// A layer's name with its article.
pub fn with_article(kind: &Ident) -> String {
    let name = kind.to_string();
    let article = if name.starts_with(['A', 'E', 'I', 'O', 'U']) || name == "Lstm" { "an" } else { "a" };
    format!("{article} {name}")
}

/// Which of a net's two sides.
#[derive(Clone, Copy)]
enum Side {
    Inputs,
    Outputs,
}

impl Side {
    /// All of them, of a net's table.
    fn of(self, table: &TokenStream) -> TokenStream {
        match self {
            Side::Inputs => quote!(#table.inputs),
            Side::Outputs => quote!(#table.outputs),
        }
    }

    /// The library's function for one of a net that is made with arguments.
    fn function(self) -> Ident {
        let name = match self {
            Side::Inputs => "input",
            Side::Outputs => "output",
        };
        Ident::new(name, Span::call_site())
    }
}

impl Checker<'_> {
    /// `encoder: Encoder<32>`: a net, whose signature only the compiler knows.
    pub fn nested(&mut self, who: &str, layer: &Layer, deterministic: bool, state: &State) -> Made {
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
        Made { kind: self.kind_of(layer), make: Make::Net(net), run, shape, estimator: false, ty: of.ty }
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
        let known = if broken { None } else { self.net_arguments(who, layer) };
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
                self.sound.push((super::packed(&c.tokens), given.clone()));
            }
            let giver = format!("`{}` of `{who}`", unraw(name));
            self.name_value(name, State { shape, giver, real: true }, "the value");
        }
        let inputs = inputs.into_iter().map(|(name, value, _)| (name, local(&value))).collect();
        let outputs = names.iter().map(|name| local(&unraw(name))).collect();
        let run = Run::Ports { of: of.clone(), inputs, outputs };
        Made {
            kind: self.kind_of(layer),
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
                        None => arguments.push((name.clone(), quote!(#expr))),
                    }
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

    /// A type of the user's under a name of the macro's, and what is asked of it as a constant.
    fn inner(&mut self, path: &Path, net: bool) -> Typed {
        let span = span_of_first(&path.to_token_stream());
        let written = path.to_token_stream();
        let same = |inner: &&Inner| inner.net == net && inner.written.to_string() == written.to_string();
        let (alias, table, generic) = match self.model.inner.iter().find(same) {
            Some(inner) => (inner.alias.clone(), inner.table.clone(), inner.generic),
            None => {
                let (owner, i) = (unraw(&self.net.ident), self.model.inner.len());
                let inner = Inner {
                    alias: format_ident!("__{owner}Inner{i}"),
                    table: format_ident!("__{owner}_inner{i}"),
                    generic: self.level(&written) != Level::Item,
                    net,
                    written,
                };
                self.model.inner.push(inner.clone());
                (inner.alias, inner.table, inner.generic)
            }
        };
        let alias = Ident::new(&alias.to_string(), alias.span().located_at(span));
        let generics = mentioned(&self.net.generics, &path.to_token_stream());
        let (_, parameters, _) = generics.split_for_impl();
        Typed {
            ty: quote!(#alias #parameters),
            table: if generic { quote!(Self::#table) } else { quote!(#table) },
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

    /// A type parameter that stands in the net is said to be a net.
    fn bound(&mut self, layer: &Layer) {
        let Some(name) = layer.path.get_ident().filter(|name| self.is_unbound(name)) else { return };
        if !self.model.unbound.contains(name) {
            let message = format!(
                "`{name}` may be any type, but stands here as a net: declare it as `{name}: illia::Net`"
            );
            self.errors.at(name, message);
            self.model.unbound.push(name.clone());
        }
    }

    /// Whether it is a type parameter of which nothing is demanded.
    fn is_unbound(&self, name: &Ident) -> bool {
        let generics = &self.net.generics;
        let clauses = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        let demanded = |predicate: &WherePredicate| match predicate {
            WherePredicate::Type(of) => {
                matches!(&of.bounded_ty, Type::Path(path) if path.path.is_ident(name))
            }
            _ => false,
        };
        generics.type_params().any(|param| param.ident == *name && param.bounds.is_empty())
            && !clauses.into_iter().any(demanded)
    }

    /// An input's shape, or an output's: constant, or as the net's arguments have it.
    fn port(&mut self, net: &Nested, side: Side, i: usize, text: String) -> Shape {
        let (illia, private) = (self.illia.clone(), self.private());
        let Typed { ty, table } = &net.of;
        let own = self.level(ty);
        let which = proc_macro2::Literal::usize_unsuffixed(i);
        if let Some(arguments) = &net.arguments {
            let function = side.function();
            let tokens = quote!(<#ty as #illia::Net>::#function(&#arguments, #which));
            return self.opaque(tokens, text, Level::Made);
        }
        let ports = side.of(table);
        self.written(quote!(#private::port(#ports, #which)), text, own)
    }

    fn output(&mut self, layer: &Layer, net: &Nested, i: usize) -> Shape {
        let text = format!("the output of `{}`", shown(&layer.path));
        let output = self.port(net, Side::Outputs, i, text.clone());
        match output {
            Shape::Opaque(c) => self.opaque(c.tokens, text, c.level),
            shape => shape,
        }
    }

    /// A net in a chain has one input and one output.
    fn single(&mut self, who: &str, layer: &Layer, of: &Typed) {
        let (private, table) = (self.private(), &of.table);
        let holds = quote!(#private::is_single(#table.inputs, #table.outputs));
        let name = shown(&layer.path);
        let say = Say::new(format!(
            "`{who}` has several inputs or outputs: name what goes in, `{who}: {name}(input: value)`, and what comes out, `let (a, b) = {who}: {name};`"
        ));
        self.require(&layer.path, Cond::Const(holds), say);
    }

    /// So many inputs or outputs: the condition.
    fn count(&mut self, who: &str, layer: &Layer, of: &Typed, side: Side, n: usize) -> TokenStream {
        let ports = side.of(&of.table);
        let holds = quote!(#ports.len() == #n);
        let (name, number) = (shown(&layer.path), quote!(#ports.len() as i64));
        let say = match side {
            Side::Inputs => {
                Say::new(format!("`{who}` takes several inputs: name them, `{who}: {name}(input: value)`"))
            }
            Side::Outputs => Say::new(format!("`{who}` is given {n} names, but `{name}` has "))
                .number(number, "another number".into())
                .text(" outputs"),
        };
        self.require(&layer.path, Cond::Const(holds.clone()), say);
        holds
    }

    /// Named values for a net's inputs: each once, and of its shape.
    fn take(&mut self, who: &str, layer: &Layer, net: &Nested, inputs: &[Input]) {
        let (illia, private) = (self.illia.clone(), self.private());
        let Typed { ty, table } = &net.of;
        let names: Vec<&String> = inputs.iter().map(|(name, ..)| name).collect();
        let holds = quote!(#private::names_inputs(#table.inputs, &[#(#names),*]));
        let listed = names::listed(&names.iter().map(|name| name.as_str()).collect::<Vec<_>>());
        let say = Say::new(format!(
            "`{who}` takes each input of `{}` once, by its name, but is given {listed}",
            shown(&layer.path)
        ));
        self.require(&layer.path, Cond::Const(holds.clone()), say);
        self.sound.push((
            super::packed(quote!(#private::place_of(#table.inputs))).trim_end_matches(')').to_owned(),
            holds,
        ));
        for (name, _, state) in inputs {
            if state.shape.is_unknown() {
                continue;
            }
            let given = self.shape_tokens(&state.shape);
            let takes = if let Some(arguments) = &net.arguments {
                quote!(<#ty as #illia::Net>::input(&#arguments, #private::place_of(#table.inputs, #name)))
            } else {
                quote!(#private::port(#table.inputs, #private::place_of(#table.inputs, #name)))
            };
            let shape = self.written(
                takes.clone(),
                format!("the input `{name}` of `{}`", shown(&layer.path)),
                self.level(&takes),
            );
            let say = Say::new(format!("`{who}` takes "))
                .shape(&shape)
                .text(format!(" for `{name}`, but {} gives ", state.giver))
                .piece_shape(given.clone(), state.shape.text());
            self.require(&layer.path, Cond::Const(quote!(#private::accepts(#takes, #given))), say);
        }
    }

    fn kind_of(&self, layer: &Layer) -> String {
        layer.path.segments.last().map_or_else(String::new, shown)
    }

    /// The shape behind a net, for which the compiler checks what goes in.
    fn pass(&mut self, who: &str, layer: &Layer, net: &Nested, state: &State) -> Shape {
        let (private, name) = (self.private(), shown(&layer.path));
        let text = format!("the output of `{name}`");
        let output = self.port(net, Side::Outputs, 0, text.clone());
        if state.shape.is_unknown() {
            return output;
        }
        let given = self.shape_tokens(&state.shape);
        let takes = self.port(net, Side::Inputs, 0, format!("the input of `{name}`"));
        let (input, output) = (self.shape_tokens(&takes), self.shape_tokens(&output));
        let say = Say::new(format!("`{who}` takes "))
            .shape(&takes)
            .text(format!(", but {} gives ", state.giver))
            .piece_shape(given.clone(), state.shape.text());
        self.require(&layer.path, Cond::Const(quote!(#private::accepts(#input, #given))), say);
        let tokens = quote!(#private::through(#input, #output, #given));
        let level = self.level(&tokens);
        self.opaque(tokens, text, level)
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
            kind: format!("{} × {}", dim.text(), self.kind_of(element)),
            make: Make::Nets { net, count },
            run: Run::Nets(of),
            shape,
            estimator: false,
            ty: field,
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
        let of = self.inner(&layer.path, false);
        let ty = of.ty.clone();
        self.matches(&signature.0, state, &format!("`{who}` takes"));
        let shape = self.declared_shape(&signature.1, "an axis");
        let said = self.said_shape(&signature.1, &shape);
        self.model.needs_axes = true;
        let (mut arguments, mut settings) = (TokenStream::new(), TokenStream::new());
        let mut configured = false;
        for arg in layer.args.iter().flat_map(|args| &args.list) {
            // `..`: what is not said is as the `Config` has it by default.
            if arg.name.is_none()
                && matches!(arg.value.expr(), Some(Expr::Range(all)) if all.start.is_none() && all.end.is_none())
            {
                configured = true;
                continue;
            }
            if let Some(to) = &arg.to {
                self.errors.at(to, "`=>` is for the library's layers; a module of yours has a signature");
            }
            let value = match &arg.value {
                parse::Value::Expr(expr) => quote!(#expr),
                family => {
                    let made = match arg.name.as_ref().map(ToString::to_string).as_deref() {
                        Some("posterior") => self.posterior(family),
                        Some("estimator") => self.estimator(family),
                        _ => self.prior(family),
                    };
                    made.unwrap_or_default()
                }
            };
            match &arg.name {
                None if configured => {
                    self.errors.at(value, "arguments without a name come first, in the order of `new`");
                }
                None => arguments.extend(quote!(#value,)),
                Some(name) => {
                    configured = true;
                    settings.extend(quote!(__config.#name = #value;));
                }
            }
        }
        // By their names they are fields of its `Config`, the last argument of `new`, as of the library's own layers.
        if configured {
            let private = self.private();
            let config = quote!(#private::config::<#ty>);
            let config = called(span_of_first(&ty), config, quote!(|__config| { #settings }));
            arguments.extend(quote!(#config,));
        }
        Made {
            kind: self.kind_of(layer),
            make: Make::Module { function: quote!(<#ty>::new), arguments },
            run: Run::Module { of, shape: said },
            shape,
            estimator: false,
            ty,
        }
    }

    /// `[my::Block(8): [16] -> [16]; 3]`: as many modules written by hand, one after the other.
    fn modules(
        &mut self,
        who: &str,
        layer: &Layer,
        signature: &(parse::Shape, parse::Shape),
        count: &Expr,
        state: &State,
    ) -> Made {
        let name = shown(&layer.path);
        let made = self.module(who, layer, signature, state);
        let times = self.size(count, &format!("the number of modules in `{who}`"), 1);
        let ty = &made.ty;
        let ty = quote!(::std::vec::Vec<#ty>);
        let (Some(times), Make::Module { function, arguments }, Run::Module { of, shape: said }) =
            (times, made.make, made.run)
        else {
            return Made::broken(ty, made.shape);
        };
        if times.fixed() != Some(1) {
            let say = Say::new(format!(
                "`{who}` is an array: each `{name}` must give what the next one takes, but it takes "
            ))
            .shape(&state.shape)
            .text(" and gives ")
            .shape(&made.shape);
            self.same_shape(&layer.path, &state.shape, &made.shape, say);
        }
        let n = times.tokens();
        Made {
            kind: format!("{} × {}", times.text(), made.kind),
            make: Make::Modules { function, arguments, count: quote!((#n) as usize) },
            run: Run::Modules { of, shape: said },
            ty,
            ..made
        }
    }

    /// A declared shape for the run time: its names as they are written.
    pub fn said_shape(&self, declared: &parse::Shape, shape: &Shape) -> TokenStream {
        let dims = declared.axes.iter().zip(shape.dims().unwrap_or_default());
        let dims = dims.map(|(axis, dim)| match self.axis_of(axis) {
            Some((name, times, plus)) => Dim::named(&name).scaled(times, plus),
            None => dim.clone(),
        });
        self.shape_tokens(&Shape::Known(dims.collect()))
    }
}
