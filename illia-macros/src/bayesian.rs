//! `#[bayesian]`: writes the traversal of a struct or an enum of the user's own.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Attribute, Data, DeriveInput, Field, Fields, GenericParam, Member, Path, Type, Variant, WherePredicate,
    parse_quote,
};

use crate::errors::Errors;
use crate::text::{shown, unraw};

/// The item with its traversal. After a mistake the item stands as it was, with a traversal that shows nothing.
pub fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let Settings { illia, export } = settings(args, &mut errors);
    let mut input: DeriveInput = match syn::parse2(item.clone()) {
        Ok(input) => input,
        Err(_) => {
            errors
                .span(Span::call_site(), "`#[bayesian]` is for structs and enums, whose fields are modules");
            let errors = errors.to_tokens();
            return quote!(#item #errors);
        }
    };
    let arms = traversal(&input, &mut errors);
    strip(&mut input);
    let errors_tokens = errors.to_tokens();
    let body = if errors.is_empty() { arms } else { Traversal::default() };
    let implementation = implementation(&input, &illia, &body, export);
    // Modules differ in size as their layers do; boxing them is the user's choice.
    let lenient = matches!(input.data, Data::Enum(_)).then(|| quote!(#[allow(clippy::large_enum_variant)]));
    quote!(#lenient #input #errors_tokens #implementation)
}

/// What stands behind the attribute's name.
struct Settings {
    /// The path to the library: `::illia`, or that of `#[bayesian(crate = path)]`.
    illia: Path,
    /// Whether the item says how it is exported: `#[bayesian(export)]`.
    export: bool,
}

fn settings(args: TokenStream, errors: &mut Errors) -> Settings {
    let mut settings = Settings { illia: parse_quote!(::illia), export: false };
    let parser = syn::meta::parser(|meta| {
        if meta.path.is_ident("export") {
            settings.export = true;
            return Ok(());
        }
        if !meta.path.is_ident("crate") {
            return Err(
                meta.error("expected `crate = path`, `export` or nothing; `#[bayesian(skip)]` is for fields")
            );
        }
        settings.illia = meta.value()?.parse()?;
        Ok(())
    });
    if let Err(error) = syn::parse::Parser::parse2(parser, args) {
        errors.push(error);
    }
    settings
}

/// What both functions match on and show.
#[derive(Default)]
struct Traversal {
    /// Patterns with what is shown behind them.
    arms: Vec<(TokenStream, Vec<Shown>)>,
    /// The types that must be modules.
    types: Vec<Type>,
}

/// A field that is shown.
struct Shown {
    title: String,
    binding: Ident,
}

fn traversal(input: &DeriveInput, errors: &mut Errors) -> Traversal {
    let mut traversal = Traversal::default();
    let name = input.ident.to_string();
    match &input.data {
        Data::Struct(data) => {
            let arm = arm(&quote!(Self), &data.fields, &name, false, &mut traversal.types, errors);
            traversal.arms.push(arm);
        }
        Data::Enum(data) => {
            for variant in &data.variants {
                let Variant { ident, fields, attrs, .. } = variant;
                let skipped = is_skipped(attrs, errors);
                let name = format!("{name}::{ident}");
                let arm = arm(&quote!(Self::#ident), fields, &name, skipped, &mut traversal.types, errors);
                traversal.arms.push(arm);
            }
        }
        Data::Union(data) => {
            errors.at(
                data.union_token,
                "`#[bayesian]` is for structs and enums: a union does not know which field is there",
            );
        }
    }
    traversal
}

fn arm(
    path: &TokenStream,
    fields: &Fields,
    name: &str,
    skipped: bool,
    types: &mut Vec<Type>,
    errors: &mut Errors,
) -> (TokenStream, Vec<Shown>) {
    let mut shown = Vec::new();
    let mut bindings = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        if is_skipped(&field.attrs, errors) || skipped {
            continue;
        }
        let member = match &field.ident {
            Some(ident) => Member::Named(ident.clone()),
            None => Member::Unnamed(i.into()),
        };
        let title = field.ident.as_ref().map_or_else(|| i.to_string(), unraw);
        never_a_module(field, &title, name, errors);
        let binding = format_ident!("field{}", i, span = Span::mixed_site());
        bindings.push(quote!(#member: #binding));
        shown.push(Shown { title, binding });
        types.push(field.ty.clone());
    }
    (quote!(#path { #(#bindings,)* .. }), shown)
}

fn is_skipped(attrs: &[Attribute], errors: &mut Errors) -> bool {
    let mut skipped = false;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("bayesian")) {
        let parsed = attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("skip") {
                return Err(
                    meta.error("expected `skip`: a field is shown to the traversal or left out of it")
                );
            }
            skipped = true;
            Ok(())
        });
        if let Err(error) = parsed {
            // What was meant is most likely this; the field's type is not complained about besides.
            skipped = true;
            errors.push(error);
        }
    }
    skipped
}

/// Types that are never modules: said here, with the field's name. For others the trait's own message says it.
const NEVER: [&str; 25] = [
    "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize",
    "bool", "char", "str", "String", "Tensor", "Device", "Kind", "PathBuf", "Duration", "Instant", "Path",
];

fn never_a_module(field: &Field, title: &str, name: &str, errors: &mut Errors) {
    let ty = innermost(&field.ty);
    let shown = shown(&field.ty);
    let never = is_never(ty);
    if !never && matches!(&field.ty, Type::Reference(reference) if reference.mutability.is_none()) {
        return shared(field, title, name, &shown, errors);
    }
    let last = if let Type::Path(path) = ty { path.path.segments.last() } else { None };
    if last.is_some_and(|last| last.ident == "Rc" || last.ident == "Arc") {
        return shared(field, title, name, &shown, errors);
    }
    if never {
        errors.at(
            &field.ty,
            format!(
                "the field `{title}` of `{name}` is of type `{shown}`, which is no module; leave it out with `#[bayesian(skip)]`, or give it a type that is one (a layer, a net, or a struct of yours with `#[bayesian]`)"
            ),
        );
    }
}

/// Whether it is one of these, or a tuple with one in it.
fn is_never(ty: &Type) -> bool {
    match ty {
        Type::Tuple(tuple) => tuple.elems.iter().any(|element| is_never(innermost(element))),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            path.qself.is_none() && last.arguments.is_none() && NEVER.iter().any(|never| last.ident == never)
        }),
        _ => false,
    }
}

/// A module that others hold too can be neither frozen through one of them nor counted once.
fn shared(field: &Field, title: &str, name: &str, shown: &str, errors: &mut Errors) {
    errors.at(
        &field.ty,
        format!(
            "the field `{title}` of `{name}` is of type `{shown}`, which shares its module: a tied module would be counted twice; own it in one field and use it twice in `forward`, or leave this one out with `#[bayesian(skip)]`"
        ),
    );
}

/// Behind references, slices and the collections that are modules if what is in them is.
fn innermost(ty: &Type) -> &Type {
    match ty {
        Type::Reference(reference) => innermost(&reference.elem),
        Type::Array(array) => innermost(&array.elem),
        Type::Slice(slice) => innermost(&slice.elem),
        Type::Paren(paren) => innermost(&paren.elem),
        Type::Group(group) => innermost(&group.elem),
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if ["Vec", "Option", "Box"].iter().any(|name| last.ident == name) => {
                match &last.arguments {
                    syn::PathArguments::AngleBracketed(args) => match args.args.first() {
                        Some(syn::GenericArgument::Type(inner)) => innermost(inner),
                        _ => ty,
                    },
                    _ => ty,
                }
            }
            _ => ty,
        },
        _ => ty,
    }
}

/// Takes the attribute's own marks away.
fn strip(input: &mut DeriveInput) {
    let clean = |attrs: &mut Vec<Attribute>| attrs.retain(|attr| !attr.path().is_ident("bayesian"));
    let fields = |fields: &mut Fields| fields.iter_mut().for_each(|field| clean(&mut field.attrs));
    match &mut input.data {
        Data::Struct(data) => fields(&mut data.fields),
        Data::Enum(data) => data.variants.iter_mut().for_each(|variant| {
            clean(&mut variant.attrs);
            fields(&mut variant.fields);
        }),
        Data::Union(data) => data.fields.named.iter_mut().for_each(|field| clean(&mut field.attrs)),
    }
}

fn implementation(input: &DeriveInput, illia: &Path, traversal: &Traversal, export: bool) -> TokenStream {
    let name = &input.ident;
    let mut generics = input.generics.clone();
    let predicates = predicates(input, illia, &traversal.types);
    generics.make_where_clause().predicates.extend(predicates);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, ty_generics, _) = input.generics.split_for_impl();
    let cfgs = input.attrs.iter().filter(|attr| attr.path().is_ident("cfg"));
    let arms: Vec<TokenStream> = traversal
        .arms
        .iter()
        .map(|(pattern, shown)| {
            let calls =
                shown.iter().map(|Shown { title, binding }| quote!(visitor.module(#title, #binding);));
            quote!(#pattern => { #(#calls)* })
        })
        .collect();
    let body = if arms.is_empty() { quote!() } else { quote!(match self { #(#arms)* }) };
    let asked = asked_at_once(input, illia, &traversal.types);
    let in_graph = export.then(|| {
        let result = quote!(::core::result::Result<::std::vec::Vec<#illia::export::Value>, #illia::Error>);
        quote! {
            fn in_graph(&self, inputs: &[&#illia::export::Value]) -> ::core::option::Option<#result> {
                ::core::option::Option::Some(<Self as #illia::export::Exported>::write(self, inputs))
            }
        }
    });
    quote! {
        #asked
        #(#cfgs)*
        #[automatically_derived]
        #[allow(unused_variables, clippy::all)]
        impl #impl_generics #illia::BayesianModule for #name #ty_generics #where_clause {
            fn visit<'__a>(&'__a self, visitor: &mut #illia::Visitor<'__a>) {
                #body
            }
            fn visit_mut(&mut self, visitor: &mut #illia::VisitorMut<'_>) {
                #body
            }
            #in_graph
        }
    }
}

/// `Type: BayesianModule` for each field that does not hold the item itself. For a type without parameters it is the place
/// where the compiler says that it is no module: once, and at the field.
fn predicates(input: &DeriveInput, illia: &Path, types: &[Type]) -> Vec<WherePredicate> {
    let mut seen: Vec<String> = Vec::new();
    let mut out = Vec::new();
    let own = input.ident.to_string();
    for ty in types {
        let text = ty.to_token_stream().to_string();
        if mentions(ty.to_token_stream(), &|word| word == own || word == "Self") {
            // A type within itself: its parameters must be modules, as in a derive.
            for param in &input.generics.params {
                if let GenericParam::Type(param) = param
                    && mentions(ty.to_token_stream(), &|word| param.ident == word)
                {
                    let ident = &param.ident;
                    out.push(parse_quote!(#ident: #illia::BayesianModule));
                }
            }
            continue;
        }
        if seen.contains(&text) {
            continue;
        }
        seen.push(text);
        // The whole predicate stands where the type does, and so does what the compiler says of it.
        let module = quote!(#illia::BayesianModule).into_iter().map(|mut token| {
            token.set_span(token.span().located_at(ty.span()));
            token
        });
        let module: TokenStream = module.collect();
        let colon = quote_spanned!(ty.span()=> :);
        out.push(parse_quote!(#ty #colon #module));
    }
    out
}

/// With a lifetime in a type, the item's or a function's, the compiler believes the predicate until the item is used; a function that asks for
/// it is checked at once.
fn asked_at_once(input: &DeriveInput, illia: &Path, types: &[Type]) -> TokenStream {
    let of_item = |ty: &TokenStream, lifetimes: bool| {
        mentions(ty.clone(), &|word| {
            input.generics.params.iter().any(|param| match param {
                GenericParam::Lifetime(l) => lifetimes && l.lifetime.ident == word,
                GenericParam::Type(t) => !lifetimes && t.ident == word,
                GenericParam::Const(c) => !lifetimes && c.ident == word,
            }) || (!lifetimes && (word == "Self" || input.ident == word))
        })
    };
    let types = types.iter().map(ToTokens::to_token_stream);
    // A function's arguments have lifetimes of their own.
    let function =
        |ty: &TokenStream| mentions(ty.clone(), &|word| ["fn", "Fn", "FnMut", "FnOnce"].contains(&word));
    let asked: Vec<TokenStream> =
        types.filter(|ty| (of_item(ty, true) || function(ty)) && !of_item(ty, false)).collect();
    if asked.is_empty() {
        return TokenStream::new();
    }
    let lifetimes = input.generics.lifetimes();
    let calls = asked.iter().map(|ty| quote_spanned!(ty.span()=> #illia::__private::is_module::<#ty>();));
    let cfgs = input.attrs.iter().filter(|attr| attr.path().is_ident("cfg"));
    quote! {
        #(#cfgs)*
        const _: () = {
            #[allow(dead_code)]
            fn modules<#(#lifetimes),*>() { #(#calls)* }
        };
    }
}

fn mentions(tokens: TokenStream, word: &dyn Fn(&str) -> bool) -> bool {
    tokens.into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(ident) => word(&ident.to_string()),
        proc_macro2::TokenTree::Group(group) => mentions(group.stream(), word),
        _ => false,
    })
}
