//! `bnn!`: tokens -> syntax tree -> checked model -> expansion.

use proc_macro2::TokenStream;
use syn::{Attribute, Path, parse_quote};

use crate::errors::Errors;
use crate::{check, expand as expansion, parse};

/// From a block's tokens to the code of its net. Mistakes come with a struct that has its fields and methods, so that nothing else breaks.
pub fn expand(tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let net = match parse::net(tokens, &mut errors) {
        Ok(net) => net,
        Err(error) => {
            errors.push(error);
            return errors.to_tokens();
        }
    };
    let illia = library(&net.attrs, &mut errors);
    let model = check::check(&net, illia.clone(), &mut errors);
    let broken = !errors.is_empty();
    let mut out = errors.to_tokens();
    out.extend(expansion::expand(&net, &model, &illia, broken));
    out
}

/// The path to the library: `::illia`, unless `#[illia(crate = path)]` says otherwise.
fn library(attrs: &[Attribute], errors: &mut Errors) -> Path {
    let mut illia: Path = parse_quote!(::illia);
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("illia")) {
        let parsed = attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(meta.error("expected `crate = path`"));
            }
            illia = meta.value()?.parse()?;
            Ok(())
        });
        if let Err(error) = parsed {
            errors.push(error);
        }
    }
    illia
}
