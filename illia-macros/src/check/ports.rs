//! What goes into a net in the net, and what comes out.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Ident;

use super::{Checker, State};
use crate::dim::{Cond, Level, Shape};
use crate::model::{Nested, Typed};
use crate::names;
use crate::parse::Layer;
use crate::say::Say;
use crate::text::{packed, shown};

/// What a net takes by name: its input, the value, and what that is.
pub type Input = (String, String, State);

/// Which of a net's two sides.
#[derive(Clone, Copy)]
pub enum Side {
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
    /// An input's shape, or an output's: constant, or as the net's arguments have it.
    pub fn port(&mut self, net: &Nested, side: Side, i: usize, text: String) -> Shape {
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

    pub fn output(&mut self, layer: &Layer, net: &Nested, i: usize) -> Shape {
        let text = format!("the output of `{}`", shown(&layer.path));
        let output = self.port(net, Side::Outputs, i, text.clone());
        match output {
            Shape::Opaque(c) => self.opaque(c.tokens, text, c.level),
            shape => shape,
        }
    }

    /// A net in a chain has one input and one output.
    pub fn single(&mut self, who: &str, layer: &Layer, of: &Typed) {
        let (private, table) = (self.private(), &of.table);
        let holds = quote!(#private::is_single(#table.inputs, #table.outputs));
        let name = shown(&layer.path);
        let say = Say::new(format!(
            "`{who}` has several inputs or outputs: name what goes in, `{who}: {name}(input: value)`, and what comes out, `let (a, b) = {who}: {name};`"
        ));
        self.require(&layer.path, Cond::Const(holds), say);
    }

    /// So many inputs or outputs: the condition.
    pub fn count(&mut self, who: &str, layer: &Layer, of: &Typed, side: Side, n: usize) -> TokenStream {
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
    pub fn take(&mut self, who: &str, layer: &Layer, net: &Nested, inputs: &[Input]) {
        let (illia, private) = (self.illia.clone(), self.private());
        let Typed { ty, table } = &net.of;
        let names: Vec<&String> = inputs.iter().map(|(name, ..)| name).collect();
        let holds = quote!(#private::names_inputs(#table.inputs, &[#(#names),*]));
        let listed = names::listed(&names.iter().map(|name| name.as_str()).collect::<Vec<_>>());
        let say = Say::new(format!("`{who}` is given {listed}, but `{}` takes ", shown(&layer.path)))
            .names(quote!(#table.inputs), "others".into())
            .text(", each once by its name");
        self.require(&layer.path, Cond::Const(holds.clone()), say);
        self.sound.push((
            packed(quote!(#private::place_of(#table.inputs))).trim_end_matches(')').to_owned(),
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

    /// The shape behind a net, for which the compiler checks what goes in.
    pub fn pass(&mut self, who: &str, layer: &Layer, net: &Nested, state: &State) -> Shape {
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
}
