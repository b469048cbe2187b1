//! Checked model -> tokens. For the net
//!
//! ```text
//! pub struct Mlp: [784] -> [10] { fc: Linear(400) -> relu, head: Linear(10) }
//! ```
//!
//! what comes out is, in short:
//!
//! ```text
//! pub struct Mlp { fc: ::illia::nn::Linear, head: ::illia::nn::Linear }
//!
//! impl Mlp {
//!     pub const INPUT: Shape; pub const OUTPUT: Shape;
//!     pub fn new(p) -> Self; pub fn deterministic(p) -> Self; pub fn try_new(p) -> Result<Self>;
//!     pub fn forward(&self, x) -> Tensor; forward_t; try_forward; try_forward_t
//! }
//!
//! impl ::illia::Net for Mlp {
//!     fn make(path, given, arguments) -> Result<Self> {
//!         Ok(Mlp { fc: Linear::try_new(&(path / "fc"), 784, 400, LinearConfig { .. })?, .. })
//!     }
//!     fn try_forward_t(&self, input, train) -> Result<Tensor> {
//!         let x = at("fc", self.fc.try_forward(&x))?;
//!         ..
//!     }
//! }
//!
//! impl ::illia::BayesianModule for Mlp { fn visit(..); fn visit_mut(..); }
//! impl ::illia::tch::nn::ModuleT for Mlp { .. }
//! impl ::core::fmt::Display for Mlp { .. }
//! ```

mod arguments;
mod construct;
mod export;
mod forward;
mod inner;
mod methods;
mod requirements;
mod structure;
mod visit;

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, GenericParam, Generics, Ident, Path, Token, Visibility, parse_quote};

use crate::check::{shape_tokens, signature_tokens};
use crate::dim::Shape;
use crate::generics::idents;
use crate::model::{Call, Field, Made, Model, Typed};
use crate::parse;
use crate::text::unraw;

/// What every part of the expansion needs.
pub struct Context<'a> {
    pub net: &'a parse::Net,
    pub model: &'a Model,
    pub illia: &'a Path,
    /// The net's own, and what a mistake has left out of them.
    generics: Generics,
    /// After a mistake: the methods are there, their bodies are not.
    pub broken: bool,
}

impl Context<'_> {
    pub fn private(&self) -> TokenStream {
        let illia = self.illia;
        quote!(#illia::__private)
    }

    pub fn name(&self) -> &Ident {
        &self.net.ident
    }

    pub fn generics(&self) -> &Generics {
        &self.generics
    }

    /// `#[cfg]`s of the struct are those of its impls.
    pub fn cfgs(&self) -> TokenStream {
        self.net
            .attrs
            .iter()
            .filter(|attr| attr.path().is_ident("cfg"))
            .map(ToTokens::to_token_stream)
            .collect()
    }

    /// Whether it has one input and one output.
    pub fn is_single(&self) -> bool {
        self.model.inputs.len() <= 1 && self.model.outputs.len() <= 1
    }

    /// Whether there is anything that only whoever makes it knows; the net keeps that.
    pub fn keeps_arguments(&self) -> bool {
        !self.net.arguments.is_empty()
    }

    /// What holds the net's arguments, with its parameters.
    pub fn arguments_type(&self) -> TokenStream {
        let illia = self.illia;
        if !self.keeps_arguments() {
            return quote!(#illia::NoArguments);
        }
        let name = format_ident!("__{}Arguments", self.name());
        let generics = arguments::generics(self);
        let (_, ty_generics, _) = generics.split_for_impl();
        quote!(#name #ty_generics)
    }

    /// The type parameters that no field mentions, sizes' say: Rust wants them in the struct all the same.
    pub fn unmentioned(&self) -> Option<TokenStream> {
        let mut mentioned = HashSet::new();
        for field in &self.model.fields {
            idents(field.ty.clone(), &mut mentioned);
        }
        for argument in &self.net.arguments {
            idents(argument.ty.to_token_stream(), &mut mentioned);
        }
        let left = self.generics().type_params().map(|param| &param.ident);
        let left: Vec<&Ident> = left.filter(|name| !mentioned.contains(&name.to_string())).collect();
        // Lifetimes are a mistake that has been told.
        let lifetimes: Vec<&syn::Lifetime> =
            self.generics().lifetimes().map(|param| &param.lifetime).collect();
        (!left.is_empty() || !lifetimes.is_empty())
            .then(|| quote!(::core::marker::PhantomData<fn() -> (#(#left,)* #(&#lifetimes (),)*)>))
    }

    /// A body in a method of the net, with the arguments that it mentions.
    pub fn with_arguments(&self, body: TokenStream) -> TokenStream {
        self.bind(body, quote!(self.__arguments))
    }

    /// A body with the arguments, and what follows from them, that it mentions.
    pub fn bind(&self, body: TokenStream, source: TokenStream) -> TokenStream {
        // Most nets have none, and to look for them goes through every token.
        if self.net.arguments.is_empty() && self.model.made.is_empty() {
            return body;
        }
        let illia = self.illia;
        let source = if self.keeps_arguments() { source } else { quote!(#illia::NoArguments {}) };
        let mut mentioned = HashSet::new();
        idents(body.clone(), &mut mentioned);
        let mut made = Vec::new();
        for item in self.model.made.iter().rev() {
            if mentioned.contains(&item.name.to_string()) {
                let name = &item.name;
                made.push(quote!(let #name = Self::#name(&#source);));
            }
        }
        made.reverse();
        let arguments = self.net.arguments.iter().map(|argument| &argument.ident);
        let arguments = arguments.filter(|argument| mentioned.contains(&argument.to_string()));
        let arguments: Vec<&Ident> = arguments.collect();
        let getters = arguments.iter().map(|argument| arguments::getter(argument));
        quote! {
            #(let #arguments = #source.#getters();)*
            #(#made)*
            #body
        }
    }

    /// A function for each thing that follows from the arguments.
    pub fn made(&self) -> TokenStream {
        if self.broken {
            return TokenStream::new();
        }
        let arguments = self.arguments_type();
        let made = self.model.made.iter().map(|Made { name, ty, tokens }| {
            let body = self.bind(tokens.clone(), quote!(__arguments));
            quote! {
                #[allow(unused_parens)]
                fn #name(__arguments: &#arguments) -> #ty {
                    #body
                }
            }
        });
        made.collect()
    }

    /// A body that calls functions of `__private` by that name.
    fn computing(&self, body: TokenStream) -> TokenStream {
        let illia = self.illia;
        self.body(quote!(use #illia::__private; #body))
    }

    /// A body, or what stands for it after a mistake.
    pub fn body(&self, body: TokenStream) -> TokenStream {
        if self.broken { quote!(::core::unimplemented!()) } else { body }
    }
}

/// Where a call's layer stands.
pub fn span_of(context: &Context, call: &Call) -> Span {
    let ty = context.model.fields.get(call.field).and_then(|field| field.ty.clone().into_iter().next());
    ty.map_or_else(Span::call_site, |token| token.span())
}

/// A net's expansion.
pub fn expand(net: &parse::Net, model: &Model, illia: &Path, broken: bool) -> TokenStream {
    let mut generics = net.generics.clone();
    for param in generics.type_params_mut().filter(|param| model.unbound.contains(&param.ident)) {
        param.bounds.push(parse_quote!(#illia::Net));
    }
    for param in &mut generics.params {
        let name = match param {
            GenericParam::Type(ty) => ty.ident.clone(),
            GenericParam::Const(c) => c.ident.clone(),
            GenericParam::Lifetime(_) => continue,
        };
        if model.numbers.contains(&name) {
            *param = parse_quote!(const #name: i64);
        }
    }
    let context = Context { net, model, illia, generics, broken };
    let inner = inner::items(&context);
    let structure = structure(&context);
    let debug = debug(&context);
    let arguments = arguments::structure(&context);
    let methods = methods::methods(&context);
    let net = net_impl(&context);
    let visit = visit::visit(&context);
    let module = context.is_single().then(|| methods::module_t(&context));
    let display = structure::display(&context);
    let requirements = requirements::items(&context);
    let shapes = requirements::shapes(&context, false);
    quote!(#structure #debug #arguments #inner #shapes #methods #net #visit #module #display #requirements)
}

fn structure(context: &Context) -> TokenStream {
    let (net, name) = (context.net, context.name());
    let own = |attr: &Attribute| ["illia", "deterministic"].iter().any(|name| attr.path().is_ident(name));
    let attrs = net.attrs.iter().filter(|attr| !own(attr)).filter_map(|attr| kept(context, attr));
    let vis = &net.vis;
    let (generics, where_clause) = (context.generics(), &context.generics().where_clause);
    let lenient = context.broken.then(|| quote!(#[allow(dead_code)]));
    // Two steps of one name are a mistake already.
    let first =
        |(i, field): (usize, &Field)| !context.model.fields.iter().take(i).any(|f| f.ident == field.ident);
    let fields =
        context.model.fields.iter().enumerate().filter(|(i, field)| first((*i, field))).map(|(_, field)| {
            let (attrs, vis, ident) = (&field.attrs, &field.vis, &field.ident);
            let mut ty = field.ty.clone();
            for _ in 0..field.depth {
                ty = quote!(::std::vec::Vec<#ty>);
            }
            // Where people read it, a type is as it was written.
            let read =
                (!matches!(vis, Visibility::Inherited)).then(|| inner::as_written(context, ty.clone()));
            let documented = attrs.iter().any(|attr| attr.path().is_ident("doc"));
            let doc = (!documented && !matches!(vis, Visibility::Inherited)).then(|| {
                let text = format!("The step `{}`.", field.place.join("."));
                quote!(#[doc = #text])
            });
            match read.flatten() {
                Some(read) => quote! {
                    #doc #(#attrs)* #[cfg(doc)] #vis #ident: #read,
                    #doc #(#attrs)* #[cfg(not(doc))] #vis #ident: #ty
                },
                None => quote!(#doc #(#attrs)* #vis #ident: #ty),
            }
        });
    let kept = context.keeps_arguments().then(|| {
        let ty = context.arguments_type();
        let private = context.private();
        quote!(__arguments: #private::Kept<#ty>,)
    });
    let unmentioned = context.unmentioned().map(|ty| quote!(__unmentioned: #ty,));
    quote! {
        #(#attrs)*
        #lenient
        #vis struct #name #generics #where_clause {
            #(#fields,)*
            #kept
            #unmentioned
        }
    }
}

/// An attribute of the struct, without the `Debug` that every net has. After a mistake a derive may be one, or complain of it.
fn kept(context: &Context, attr: &Attribute) -> Option<TokenStream> {
    if !attr.path().is_ident("derive") {
        return Some(quote!(#attr));
    }
    let derived = attr.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated).ok()?;
    let derived: Vec<&Path> = derived
        .iter()
        .filter(|path| path.segments.last().is_none_or(|segment| segment.ident != "Debug"))
        .collect();
    (!context.broken && !derived.is_empty()).then(|| quote!(#[derive(#(#derived),*)]))
}

/// `Debug`, which asks nothing of the parameters: a derived one would ask for theirs, also where they only have sizes.
fn debug(context: &Context) -> TokenStream {
    let (name, cfgs) = (context.name(), context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let text = name.to_string();
    let fields = context.model.fields.iter().map(|field| {
        let (ident, said) = (&field.ident, unraw(&field.ident));
        match &field.of {
            None => quote!(.field(#said, &self.#ident)),
            Some(of) => {
                let lists = field.depth + usize::from(field.is_list);
                let shown = shown(of, quote!(&self.#ident), lists);
                quote!(.field(#said, &::core::fmt::from_fn(|__f| #shown)))
            }
        }
    });
    let body = context.body(quote!(__f.debug_struct(#text) #(#fields)* .finish()));
    quote! {
        #cfgs
        #[automatically_derived]
        #[allow(unused_variables)]
        impl #impl_generics ::core::fmt::Debug for #name #ty_generics #where_clause {
            fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #body
            }
        }
    }
}

/// Writes what is of a user's type, or lists within lists of it, to `__f`. The type is asked for its `Debug` in its table alone.
fn shown(of: &Typed, value: TokenStream, lists: usize) -> TokenStream {
    let table = &of.table;
    if lists == 0 {
        return quote!((#table.debug)(#value, __f));
    }
    let each = shown(of, quote!(__each), lists - 1);
    let each = quote!(|__each| ::core::fmt::from_fn(move |__f| #each));
    quote!(__f.debug_list().entries((#value).iter().map(#each)).finish())
}

/// The signature, the constructor and the forward pass.
fn net_impl(context: &Context) -> TokenStream {
    let (name, illia, private, cfgs) = (context.name(), context.illia, context.private(), context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let made = context.computing(construct::body(context));
    let defaults = &context.model.defaults;
    let made = context.bind(
        quote!(let __defaults = ::core::clone::Clone::clone(__given)#defaults; #made),
        quote!(__arguments),
    );
    let checked = requirements::checked(context);
    let check = requirements::check(context);
    let force =
        (!context.broken && checked.is_some()).then(|| quote!(const { <Self as #illia::Net>::CHECKED };));
    let constants = signature(context);
    let arguments = context.arguments_type();
    let forward = if context.is_single() {
        let forward = context.computing(forward::single(context));
        quote! {
            fn try_forward_t(
                &self,
                __input: &#illia::tch::Tensor,
                __train: bool,
            ) -> ::core::result::Result<#illia::tch::Tensor, #illia::Error> {
                #forward
            }
        }
    } else {
        let forward = context.computing(forward::all(context));
        quote! {
            fn try_forward_all(
                &self,
                __inputs: &[&#illia::tch::Tensor],
                __train: bool,
            ) -> ::core::result::Result<::std::vec::Vec<#illia::tch::Tensor>, #illia::Error> {
                #forward
            }
        }
    };
    let made_shapes = context.keeps_arguments().then(|| {
        let of = |list: &[(Option<Ident>, Shape)]| {
            let shapes = list.iter().map(|(_, shape)| shape_tokens(illia, shape));
            context.bind(quote!(#private::nth(&[#(#shapes),*], __which)), quote!(__arguments))
        };
        let (input, output) = (of(&context.model.inputs), of(&context.model.outputs));
        let (input, output) = (context.body(input), context.body(output));
        quote! {
            fn input(__arguments: &Self::Arguments, __which: usize) -> #illia::Shape {
                #input
            }
            fn output(__arguments: &Self::Arguments, __which: usize) -> #illia::Shape {
                #output
            }
        }
    });
    let ports = export::ports(context);
    quote! {
        #cfgs
        #[automatically_derived]
        #[allow(trivial_numeric_casts, unused_imports, unused_variables, unused_mut, unused_assignments, unused_parens, unused_braces, clippy::all)]
        impl #impl_generics #illia::Net for #name #ty_generics #where_clause {
            type Arguments = #arguments;
            #constants
            #checked
            #made_shapes
            #ports
            #check
            fn make(
                __path: &#illia::tch::nn::Path<'_>,
                __given: &#illia::Defaults,
                __arguments: Self::Arguments,
            ) -> ::core::result::Result<Self, #illia::Error> {
                #force
                #made
            }
            #forward
        }
    }
}

/// `INPUT` and `OUTPUT`, and all of them where they are several or have names.
fn signature(context: &Context) -> TokenStream {
    let illia = context.illia;
    let unknown = Shape::Unknown(None);
    let first = |list: &[(Option<Ident>, Shape)]| {
        signature_tokens(illia, list.first().map_or(&unknown, |(_, shape)| shape))
    };
    let (input, output) = (first(&context.model.inputs), first(&context.model.outputs));
    let all = |what: &str, list: &[(Option<Ident>, Shape)]| {
        if let [(None, _)] | [] = list {
            return TokenStream::new();
        }
        let what = format_ident!("{what}");
        let each = list.iter().map(|(name, shape)| {
            let name = name.as_ref().map(unraw).unwrap_or_default();
            let shape = signature_tokens(illia, shape);
            quote!((#name, #shape))
        });
        quote!(const #what: &'static [(&'static str, #illia::Shape)] = &[#(#each),*];)
    };
    let (inputs, outputs) = (all("INPUTS", &context.model.inputs), all("OUTPUTS", &context.model.outputs));
    quote! {
        const INPUT: #illia::Shape = #input;
        const OUTPUT: #illia::Shape = #output;
        #inputs
        #outputs
    }
}
