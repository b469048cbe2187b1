//! The net's own methods, and tch's trait: they call those of `Net`.

use proc_macro2::TokenStream;
use quote::quote;

use super::Context;

pub fn methods(context: &Context) -> TokenStream {
    let (name, illia, private, cfgs) = (context.name(), context.illia, context.private(), context.cfgs());
    let vis = &context.net.vis;
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    let path = quote!(&#illia::tch::nn::Path<'_>);
    let random = quote!(&|posterior| posterior);
    let plain = quote!(&#illia::Posterior::into_deterministic);
    let shapes = super::requirements::shapes(context, true);
    quote! {
        #cfgs
        #[automatically_derived]
        #[allow(dead_code, clippy::all)]
        impl #impl_generics #name #ty_generics #where_clause {
            /// The shape of one example, without the batch.
            #vis const INPUT: #illia::Shape = <Self as #illia::Net>::INPUT;
            /// The shape of what comes out for one example.
            #vis const OUTPUT: #illia::Shape = <Self as #illia::Net>::OUTPUT;
            #shapes

            /// A new net, whose variables are added to `p`.
            ///
            /// # Panics
            /// With a sentence, where `try_new` is an error.
            #[track_caller]
            #vis fn new(p: #path) -> Self {
                #private::with(p, #random)
            }

            /// A new net, whose variables are added to `p`.
            ///
            /// # Errors
            /// `Error::Configuration` for a number outside of its range.
            #vis fn try_new(p: #path) -> ::core::result::Result<Self, #illia::Error> {
                <Self as #illia::Net>::try_with(p, #random)
            }

            /// The deterministic twin: the same net with plain weights.
            ///
            /// # Panics
            /// As `new`.
            #[track_caller]
            #vis fn deterministic(p: #path) -> Self {
                #private::with(p, #plain)
            }

            /// `[batch, INPUT..]` to `[batch, OUTPUT..]`, in evaluation mode.
            ///
            /// # Panics
            /// With the layer, the expected and the given shape, where `try_forward` is an error.
            #[track_caller]
            #vis fn forward(&self, x: &#illia::tch::Tensor) -> #illia::tch::Tensor {
                #private::forward_t(self, x, false)
            }

            /// The same; dropout and batch norms are in training mode if `train`.
            ///
            /// # Panics
            /// With the layer, the expected and the given shape, where `try_forward` is an error.
            #[track_caller]
            #vis fn forward_t(&self, x: &#illia::tch::Tensor, train: bool) -> #illia::tch::Tensor {
                #private::forward_t(self, x, train)
            }

            /// `forward`, with its errors.
            ///
            /// # Errors
            /// `Error::Shape` for another shape; what the layers return, with their names.
            #vis fn try_forward(
                &self,
                x: &#illia::tch::Tensor,
            ) -> ::core::result::Result<#illia::tch::Tensor, #illia::Error> {
                <Self as #illia::Net>::try_forward_t(self, x, false)
            }

            /// `forward_t`, with its errors.
            ///
            /// # Errors
            /// As `try_forward`.
            #vis fn try_forward_t(
                &self,
                x: &#illia::tch::Tensor,
                train: bool,
            ) -> ::core::result::Result<#illia::tch::Tensor, #illia::Error> {
                <Self as #illia::Net>::try_forward_t(self, x, train)
            }
        }
    }
}

pub fn module_t(context: &Context) -> TokenStream {
    let (name, illia, private, cfgs) = (context.name(), context.illia, context.private(), context.cfgs());
    let (impl_generics, ty_generics, where_clause) = context.generics().split_for_impl();
    quote! {
        #cfgs
        #[automatically_derived]
        impl #impl_generics #illia::tch::nn::ModuleT for #name #ty_generics #where_clause {
            fn forward_t(&self, x: &#illia::tch::Tensor, train: bool) -> #illia::tch::Tensor {
                #private::forward_t(self, x, train)
            }
        }
    }
}
