//! The net's own methods, and tch's trait: they call those of `Net`.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::Context;

pub fn methods(context: &Context) -> TokenStream {
    let (name, cfgs) = (context.name(), context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let constants = constants(context);
    let made = context.made();
    let inner = super::inner::constants(context);
    let shapes = super::requirements::shapes(context, true);
    let (constructors, forwards) = (constructors(context), forwards(context));
    quote! {
        #cfgs
        #[automatically_derived]
        #[allow(dead_code, clippy::all)]
        impl #impl_generics #name #ty_generics #where_clause {
            #constants
            #inner
            #shapes
            #made
            #constructors
            #forwards
        }
    }
}

/// The signature, where it is constant.
fn constants(context: &Context) -> TokenStream {
    let (vis, illia) = (&context.net.vis, context.illia);
    if context.keeps_arguments() {
        return TokenStream::new();
    }
    if !context.is_single() {
        return quote! {
            /// The inputs' names and shapes, without the batch.
            #vis const INPUTS: &'static [(&'static str, #illia::Shape)] = <Self as #illia::Net>::INPUTS;
            /// The outputs' names and shapes, without the batch.
            #vis const OUTPUTS: &'static [(&'static str, #illia::Shape)] = <Self as #illia::Net>::OUTPUTS;
        };
    }
    quote! {
        /// The shape of one example, without the batch.
        #vis const INPUT: #illia::Shape = <Self as #illia::Net>::INPUT;
        /// The shape of what comes out for one example.
        #vis const OUTPUT: #illia::Shape = <Self as #illia::Net>::OUTPUT;
    }
}

fn constructors(context: &Context) -> TokenStream {
    let (vis, illia, private) = (&context.net.vis, context.illia, context.private());
    let path = quote!(&#illia::tch::nn::Path<'_>);
    let (names, types): (Vec<_>, Vec<_>) =
        context.net.arguments.iter().map(|argument| (&argument.ident, &argument.ty)).unzip();
    let parameters = quote!(__path: #path #(, #names: #types)*);
    let arguments = if names.is_empty() {
        quote!(#illia::NoArguments {})
    } else {
        let arguments = format_ident!("__{}Arguments", context.name());
        quote!(#arguments { #(#names),* })
    };
    let random = quote!(&<#illia::Defaults as ::core::default::Default>::default());
    let plain = quote!(&<#illia::Defaults as ::core::default::Default>::default().deterministic());
    quote! {
        /// A new net, whose variables are added to the path.
        ///
        /// # Panics
        /// With a sentence, where `try_new` is an error.
        #[track_caller]
        #vis fn new(#parameters) -> Self {
            #private::with(__path, #random, #arguments)
        }

        /// A new net, whose variables are added to the path.
        ///
        /// # Errors
        /// A sentence that names the layer, for sizes that do not fit and numbers outside of their range; nothing is added
        /// then.
        #vis fn try_new(#parameters) -> ::core::result::Result<Self, #illia::Error> {
            <Self as #illia::Net>::try_with(__path, #random, #arguments)
        }

        /// The deterministic twin: the same net with plain weights.
        ///
        /// # Panics
        /// As `new`.
        #[track_caller]
        #vis fn deterministic(#parameters) -> Self {
            #private::with(__path, #plain, #arguments)
        }
    }
}

fn forwards(context: &Context) -> TokenStream {
    let (vis, illia, private) = (&context.net.vis, context.illia, context.private());
    let tensor = quote!(#illia::tch::Tensor);
    let name = context.name().to_string();
    let single = context.is_single();
    let inputs: Vec<Ident> = if single {
        vec![
            context
                .model
                .inputs
                .iter()
                .find_map(|(name, _)| name.clone())
                .unwrap_or_else(|| format_ident!("__input")),
        ]
    } else {
        let names = context.model.inputs.iter().enumerate();
        names.map(|(i, (name, _))| name.clone().unwrap_or_else(|| format_ident!("__input{i}"))).collect()
    };
    let count = context.model.outputs.len().max(1);
    let output = match count {
        1 => tensor.clone(),
        n => {
            let each = std::iter::repeat_n(&tensor, n);
            quote!((#(#each),*))
        }
    };
    let unbatched = context.model.unbatched;
    let given: Vec<TokenStream> = inputs
        .iter()
        .map(|input| if unbatched { quote!(&#private::alone(#input)?) } else { quote!(#input) })
        .collect();
    let all = if single {
        alone(context, quote!(<Self as #illia::Net>::try_forward_t(self, #(#given),*, __train)))
    } else {
        let net =
            alone(context, quote!(<Self as #illia::Net>::try_forward_all(self, &[#(#given),*], __train)));
        let outputs: Vec<Ident> = (0..count).map(|i| format_ident!("__output{i}")).collect();
        let given = match outputs.as_slice() {
            [one] => quote!(#one),
            several => quote!((#(#several),*)),
        };
        quote! {
            let [#(#outputs),*] = #private::outputs::<#count>(#name, #net?)?;
            ::core::result::Result::Ok(#given)
        }
    };
    let takes = quote!(#(#inputs: &#tensor),*);
    let what = if unbatched {
        " The inputs to the outputs, without a batch axis, in evaluation mode."
    } else {
        " Batches of inputs to batches of outputs, in evaluation mode."
    };
    quote! {
        #[doc = #what]
        ///
        /// # Panics
        /// With the layer, the expected and the given shape, where `try_forward` is an error.
        #[track_caller]
        #vis fn forward(&self, #takes) -> #output {
            #private::or_fail(self.try_forward_t(#(#inputs),*, false))
        }

        /// The same; dropout and batch norms are in training mode if asked for.
        ///
        /// # Panics
        /// With the layer, the expected and the given shape, where `try_forward` is an error.
        #[track_caller]
        #vis fn forward_t(&self, #takes, __train: bool) -> #output {
            #private::or_fail(self.try_forward_t(#(#inputs),*, __train))
        }

        /// `forward`, with its errors.
        ///
        /// # Errors
        /// `Error::Shape` for another shape; what the layers return, with their names.
        #vis fn try_forward(&self, #takes) -> ::core::result::Result<#output, #illia::Error> {
            self.try_forward_t(#(#inputs),*, false)
        }

        /// `forward_t`, with its errors.
        ///
        /// # Errors
        /// As `try_forward`.
        #vis fn try_forward_t(&self, #takes, __train: bool) -> ::core::result::Result<#output, #illia::Error> {
            #all
        }
    }
}

/// What a net gives that runs on a batch of one, without that axis.
pub fn alone(context: &Context, result: TokenStream) -> TokenStream {
    let private = context.private();
    if context.model.unbatched { quote!(#private::without_batch(#result)) } else { result }
}

pub fn module_t(context: &Context) -> TokenStream {
    let (name, illia, private, cfgs) = (context.name(), context.illia, context.private(), context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let forward = if context.model.unbatched {
        quote!(Self::try_forward_t(self, __input, __train))
    } else {
        quote!(<Self as #illia::Net>::try_forward_t(self, __input, __train))
    };
    quote! {
        #cfgs
        #[automatically_derived]
        impl #impl_generics #illia::tch::nn::ModuleT for #name #ty_generics #where_clause {
            fn forward_t(&self, __input: &#illia::tch::Tensor, __train: bool) -> #illia::tch::Tensor {
                #private::or_fail(#forward)
            }
        }
    }
}
