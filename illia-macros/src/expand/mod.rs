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
//!     fn try_with(p, posterior) -> Result<Self> {
//!         Ok(Mlp { fc: Linear::try_new(&(p / "fc"), 784, 400, LinearConfig { .. })?, .. })
//!     }
//!     fn try_forward_t(&self, x, train) -> Result<Tensor> {
//!         let x = at("fc", self.fc.try_forward(&x))?;
//!         ..
//!     }
//! }
//!
//! impl ::illia::BayesianModule for Mlp { fn visit(..); fn visit_mut(..); }
//! impl ::illia::tch::nn::ModuleT for Mlp { .. }
//! impl ::core::fmt::Display for Mlp { .. }
//! ```

mod construct;
mod forward;
mod methods;
mod requirements;
mod summary;
mod visit;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Generics, Ident, Path};

use crate::check::shape_tokens;
use crate::dim::Shape;
use crate::model::{Field, Model};
use crate::parse;

/// What every part of the expansion needs.
pub struct Context<'a> {
    pub net: &'a parse::Net,
    pub model: &'a Model,
    pub illia: &'a Path,
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
        &self.net.generics
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

    /// A body, or what stands for it after a mistake.
    pub fn body(&self, body: TokenStream) -> TokenStream {
        if self.broken { quote!(::core::unimplemented!()) } else { body }
    }
}

/// A net's expansion.
pub fn expand(
    net: &parse::Net,
    model: &Model,
    input: &Shape,
    output: &Shape,
    illia: &Path,
    broken: bool,
) -> TokenStream {
    let context = Context { net, model, illia, broken };
    let structure = structure(&context);
    let methods = methods::methods(&context);
    let (shape_in, shape_out) = (shape_tokens(illia, input), shape_tokens(illia, output));
    let net = net_impl(&context, &shape_in, &shape_out);
    let visit = visit::visit(&context);
    let module = methods::module_t(&context);
    let display = summary::display(&context);
    let requirements = requirements::items(&context);
    let shapes = requirements::shapes(&context, false);
    quote!(#structure #shapes #methods #net #visit #module #display #requirements)
}

fn structure(context: &Context) -> TokenStream {
    let (net, name) = (context.net, context.name());
    let attrs = net.attrs.iter().filter(|attr| !attr.path().is_ident("illia"));
    let debug = (!net.attrs.iter().any(derives_debug)).then(|| quote!(#[derive(::core::fmt::Debug)]));
    let vis = &net.vis;
    let (generics, where_clause) = (&net.generics, &net.generics.where_clause);
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
            let documented = attrs.iter().any(|attr| attr.path().is_ident("doc"));
            let doc = (!documented && !matches!(vis, syn::Visibility::Inherited)).then(|| {
                let text = format!("The step `{}`.", field.place.join("."));
                quote!(#[doc = #text])
            });
            quote!(#doc #(#attrs)* #vis #ident: #ty)
        });
    quote! {
        #(#attrs)*
        #debug
        #lenient
        #vis struct #name #generics #where_clause {
            #(#fields,)*
        }
    }
}

fn derives_debug(attr: &Attribute) -> bool {
    let mut found = false;
    if attr.path().is_ident("derive") {
        let _ = attr.parse_nested_meta(|meta| {
            found |= meta.path.segments.last().is_some_and(|segment| segment.ident == "Debug");
            Ok(())
        });
    }
    found
}

/// The signature, the constructor and the forward pass.
fn net_impl(context: &Context, shape_in: &TokenStream, shape_out: &TokenStream) -> TokenStream {
    let (name, illia, cfgs) = (context.name(), context.illia, context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let (p, posterior) = (quote!(p), quote!(posterior));
    let made = context.body(construct::body(context));
    let forward = context.body(forward::body(context));
    let checked = requirements::checked(context);
    let force =
        (!context.broken && checked.is_some()).then(|| quote!(const { <Self as #illia::Net>::CHECKED };));
    quote! {
        #cfgs
        #[automatically_derived]
        #[allow(trivial_numeric_casts, unused_variables, unused_mut, unused_parens, unused_braces, clippy::all)]
        impl #impl_generics #illia::Net for #name #ty_generics #where_clause {
            const INPUT: #illia::Shape = #shape_in;
            const OUTPUT: #illia::Shape = #shape_out;
            #checked
            fn try_with(
                #p: &#illia::tch::nn::Path<'_>,
                #posterior: &dyn ::core::ops::Fn(#illia::Posterior) -> #illia::Posterior,
            ) -> ::core::result::Result<Self, #illia::Error> {
                #force
                #made
            }
            fn try_forward_t(
                &self,
                x: &#illia::tch::Tensor,
                train: bool,
            ) -> ::core::result::Result<#illia::tch::Tensor, #illia::Error> {
                #forward
            }
        }
    }
}
