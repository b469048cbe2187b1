//! The constructor: each field's layer, at the path of its name.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{format_ident, quote};

use super::{Context, shown_at, span_of};
use crate::model::{Call, Make, Nested, Node, Part};

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
    let kept = context.keeps_arguments().then(|| quote!(__arguments,));
    quote! {
        #(let #locals = #makes?;)*
        ::core::result::Result::Ok(#name { #(#idents: #locals,)* #kept })
    }
}

/// An expression of type `Result` for a field's value.
fn make(context: &Context, nodes: &[Node], field: usize) -> Option<TokenStream> {
    let private = context.private();
    nodes.iter().find_map(|node| match node {
        Node::Layer(call) if call.field == field => Some(layer(context, call)),
        Node::Residual { project: Some(call), .. } if call.field == field => Some(layer(context, call)),
        Node::Residual { body, .. } => make(context, body, field),
        Node::Concat { branches, .. } => branches.iter().find_map(|branch| make(context, branch, field)),
        Node::Loop { count, index, body } => {
            let inner = make(context, body, field)?;
            Some(quote!(#private::repeat(#count, |#index| #inner)))
        }
        Node::Unrolled { bodies } => {
            let each: Option<Vec<TokenStream>> =
                bodies.iter().map(|body| make(context, body, field)).collect();
            let each = each?;
            Some(quote!(#private::list([#(#each),*])))
        }
        Node::Block(body) => make(context, body, field),
        Node::Layer(_) | Node::Op(_) | Node::Again(_) | Node::Let(_) | Node::From(_) => None,
    })
}

fn layer(context: &Context, call: &Call) -> TokenStream {
    let (illia, private) = (context.illia, context.private());
    let parts = call.path.iter().map(|part| match part {
        Part::Name(name) => quote!(#name),
        Part::Index(index) => quote!(#index),
    });
    let path = quote!(&(__path #(/ #parts)*));
    match &call.make {
        Make::Function { function, arguments } => quote!(#function(#path, #arguments)),
        Make::Net(Nested { ty, defaults, arguments }) => {
            let arguments = cloned(arguments);
            quote!(<#ty as #illia::Net>::make(#path, #defaults, #arguments))
        }
        Make::Nets { net: Nested { ty, defaults, arguments }, count } => {
            let arguments = cloned(arguments);
            let each = quote!(|__path| <#ty as #illia::Net>::make(__path, #defaults, #arguments));
            match count {
                Some(count) => quote!(#private::vector(#path, #count, #each)),
                None => quote!(#private::array(#path, #each)),
            }
        }
        Make::Module { function, arguments } => {
            // The call is shown at the user's type; the arguments are where they are.
            let span = span_of(context, call);
            let function = shown_at(span, function.clone());
            let mut given = Group::new(Delimiter::Parenthesis, quote!(#path, #arguments));
            given.set_span(span);
            let made = quote!(#function #given);
            quote!(::core::result::Result::<_, #illia::Error>::Ok(#made))
        }
        Make::Broken => quote!(::core::unimplemented!()),
    }
}

/// A variable that serves more than once.
fn cloned(arguments: &TokenStream) -> TokenStream {
    match syn::parse2::<Ident>(arguments.clone()) {
        Ok(variable) => quote!(::core::clone::Clone::clone(&#variable)),
        Err(_) => arguments.clone(),
    }
}
