//! The constructor: each field's layer, at the path of its name.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use super::{Context, span_of};
use crate::model::{Call, Make, Nested, Node, Part, Run, Typed};
use crate::spans::{called, shown_at};

pub fn body(context: &Context) -> TokenStream {
    let name = context.name();
    let idents: Vec<&Ident> = context.model.fields.iter().map(|field| &field.ident).collect();
    // Of the macro's own, so that a step may be called as anything. A statement each: within one expression the compiler would
    // keep every layer's temporaries, and check each way out of it against all of them.
    let locals = idents.iter().map(|ident| format_ident!("__{}", ident, span = Span::mixed_site()));
    let locals: Vec<Ident> = locals.collect();
    let makes = (0..idents.len()).map(|field| {
        make(context, &context.model.nodes, field).unwrap_or_else(|| quote!(::core::unimplemented!()))
    });
    // What the defaults are for a layer that comes last holds for the last field alone.
    let last = idents.len().checked_sub(1).filter(|&last| is_one(&context.model.nodes, last));
    let narrowed = (idents.len() > 1 || last.is_none())
        .then(|| quote!(let __whole = __defaults; let __defaults = __whole.inner();));
    let widened = (idents.len() > 1 && last.is_some()).then(|| quote!(let __defaults = __whole;));
    let mut statements: Vec<TokenStream> =
        locals.iter().zip(makes).map(|(local, make)| quote!(let #local = #make?;)).collect();
    if let Some(last) = last {
        statements.insert(last, quote!(#widened));
    }
    let kept = context.keeps_arguments().then(|| {
        // Here alone they are asked to be `Send`.
        let kept = shown_at(context.net.arguments_at, quote!(__private::Kept::new(__arguments)));
        quote!(__arguments: #kept,)
    });
    let unmentioned = context.unmentioned().map(|_| quote!(__unmentioned: ::core::marker::PhantomData,));
    quote! {
        #narrowed
        #(#statements)*
        ::core::result::Result::Ok(#name { #(#idents: #locals,)* #kept #unmentioned })
    }
}

/// Whether a field is one layer or net, which is not repeated.
fn is_one(nodes: &[Node], field: usize) -> bool {
    nodes.iter().any(|node| match node {
        Node::Layer(call) if call.field == field => {
            matches!(call.make, Make::Function { .. } | Make::Net(_))
        }
        Node::Residual { body, .. } | Node::Block(body) | Node::Each(body) => is_one(body, field),
        Node::Concat { branches, .. } => branches.iter().any(|branch| is_one(branch, field)),
        _ => false,
    })
}

/// An expression of type `Result` for a field's value.
fn make(context: &Context, nodes: &[Node], field: usize) -> Option<TokenStream> {
    nodes.iter().find_map(|node| match node {
        Node::Layer(call) if call.field == field => Some(layer(context, call)),
        Node::Residual { project: Some(call), .. } if call.field == field => Some(layer(context, call)),
        Node::Residual { body, .. } => make(context, body, field),
        Node::Concat { branches, .. } => branches.iter().find_map(|branch| make(context, branch, field)),
        Node::Loop { count, index, body } => {
            let inner = make(context, body, field)?;
            Some(quote!(__private::repeat(#count, |#index| #inner)))
        }
        Node::Unrolled { bodies } => {
            let each: Option<Vec<TokenStream>> =
                bodies.iter().map(|body| make(context, body, field)).collect();
            let each = each?;
            Some(quote!(__private::list([#(#each),*])))
        }
        Node::Block(body) | Node::Each(body) => make(context, body, field),
        Node::Layer(_) | Node::Op { .. } | Node::Again(_) | Node::Let(_) | Node::From(_) => None,
    })
}

fn layer(context: &Context, call: &Call) -> TokenStream {
    let parts = call.path.iter().map(|part| match part {
        Part::Name(name) => quote!(#name),
        Part::Index(index) => quote!(#index),
    });
    let path = quote!(&(__path #(/ #parts)*));
    let name = &call.name;
    let made = match &call.make {
        Make::Function { function, arguments } => quote!(#function(#path, #arguments)),
        Make::Net(net) => nested(context, call, net, path),
        Make::Nets { net, count } => {
            let each = nested(context, call, net, quote!(__path));
            let each = quote!(|__path| #each);
            match count {
                Some(count) => quote!(__private::vector(#path, #count, #each)),
                None => quote!(__private::array(#path, #each)),
            }
        }
        Make::Module { function, arguments } => {
            let span = span_of(context, call);
            let path = shown_at(span, path);
            let made = called(span, function.clone(), quote!(#path, #arguments));
            module(context, call, made)
        }
        Make::Modules { function, arguments, count } => {
            let span = span_of(context, call);
            let element = shown_at(span, quote!(__path));
            let made = called(span, function.clone(), quote!(#element, #arguments));
            let made = module(context, call, made);
            quote!(__private::vector(#path, #count, |__path| #made))
        }
        Make::Broken => return quote!(::core::unimplemented!()),
    };
    quote!(__private::at(#name, #made))
}

/// A module written by hand, whose `new` gives it or a `Result` of it.
fn module(context: &Context, call: &Call, new: TokenStream) -> TokenStream {
    let ty = match &call.run {
        Run::Module { of, .. } | Run::Modules { of, .. } => of.ty.clone(),
        _ => quote!(_),
    };
    let made = shown_at(span_of(context, call), quote!(__private::made::<#ty, _>));
    quote!(#made(|| #new))
}

/// A net in the net: `<Net>::make(path, defaults, arguments)`.
fn nested(context: &Context, call: &Call, net: &Nested, path: TokenStream) -> TokenStream {
    let (illia, span) = (context.illia, span_of(context, call));
    let Nested { of: Typed { ty, table }, defaults, arguments } = net;
    match arguments {
        Some(arguments) => called(
            span,
            quote!(<#ty as #illia::Net>::make),
            quote!(#path, #defaults, ::core::clone::Clone::clone(&#arguments)),
        ),
        None => quote!((#table.make)(#path, #defaults)),
    }
}
