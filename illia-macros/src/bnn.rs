//! `bnn!`: tokens -> syntax tree -> checked model -> expansion.

use proc_macro2::TokenStream;
use syn::{Attribute, Ident, Path, parse_quote};

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
    let Options { illia, unbatched } = options(&net.attrs, &mut errors);
    let mut model = check::check(&net, illia.clone(), &mut errors);
    model.unbatched = unbatched;
    let broken = !errors.is_empty();
    let mut out = model.words.to_tokens();
    out.extend(errors.to_tokens());
    out.extend(expansion::expand(&net, &model, &illia, broken));
    out
}

/// What `#[illia(..)]` on a net says.
struct Options {
    /// The path to the library, `::illia` unless `crate = path` says otherwise.
    illia: Path,
    /// Whether what goes in and out has no batch axis.
    unbatched: bool,
}

/// Traits that no layer has.
const UNDERIVED: [&str; 7] = ["Clone", "Copy", "Default", "PartialEq", "Eq", "PartialOrd", "Hash"];

/// What `#[derive(..)]` names.
pub fn derived(attr: &Attribute) -> Vec<Ident> {
    let mut found = Vec::new();
    if attr.path().is_ident("derive") {
        let _ = attr.parse_nested_meta(|meta| {
            found.extend(meta.path.segments.last().map(|segment| segment.ident.clone()));
            Ok(())
        });
    }
    found
}

fn options(attrs: &[Attribute], errors: &mut Errors) -> Options {
    let mut options = Options { illia: parse_quote!(::illia), unbatched: false };
    for attr in attrs {
        if attr.path().is_ident("deterministic") {
            errors.at(attr, "`#[deterministic]` stands on a step; the whole net with plain weights is made by `Net::deterministic(&path)`");
        }
        if let Some(name) = derived(attr).iter().find(|name| UNDERIVED.contains(&name.to_string().as_str())) {
            let message =
                format!("a net has no `{name}`: its layers hold variables of a `VarStore`, which have none");
            errors.at(name, message);
        }
    }
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("illia")) {
        let parsed = attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                options.illia = meta.value()?.parse()?;
            } else if meta.path.is_ident("unbatched") {
                options.unbatched = true;
            } else {
                return Err(meta.error("expected `crate = path` or `unbatched`"));
            }
            Ok(())
        });
        if let Err(error) = parsed {
            errors.push(error);
        }
    }
    options
}
