//! The user's types that stand in the net: each under a name of the macro's.

use quote::{ToTokens, format_ident, quote};
use syn::{Ident, Path, Type, WherePredicate};

use super::Checker;
use crate::dim::Level;
use crate::generics::mentioned;
use crate::model::{Inner, Typed};
use crate::parse::Layer;
use crate::spans::span_of_first;
use crate::text::unraw;

impl Checker<'_> {
    /// A type of the user's under a name of the macro's, and what is asked of it as a constant.
    pub fn inner(&mut self, path: &Path, net: bool) -> Typed {
        let span = span_of_first(&path.to_token_stream());
        let written = path.to_token_stream();
        let same = |inner: &&Inner| inner.net == net && inner.written.to_string() == written.to_string();
        let (alias, table, generic) = match self.model.inner.iter().find(same) {
            Some(inner) => (inner.alias.clone(), inner.table.clone(), inner.generic),
            None => {
                let (owner, i) = (unraw(&self.net.ident), self.model.inner.len());
                let inner = Inner {
                    alias: format_ident!("__{owner}Inner{i}"),
                    table: format_ident!("__{owner}_inner{i}"),
                    generic: self.level(&written) != Level::Item,
                    net,
                    written,
                };
                self.model.inner.push(inner.clone());
                (inner.alias, inner.table, inner.generic)
            }
        };
        let alias = Ident::new(&alias.to_string(), alias.span().located_at(span));
        let generics = mentioned(&self.net.generics, &path.to_token_stream());
        let (_, parameters, _) = generics.split_for_impl();
        Typed {
            ty: quote!(#alias #parameters),
            table: if generic { quote!(Self::#table) } else { quote!(#table) },
        }
    }

    /// A type parameter that stands in the net is said to be a net.
    pub fn bound(&mut self, layer: &Layer) {
        let Some(name) = layer.path.get_ident().filter(|name| self.is_unbound(name)) else { return };
        if !self.model.unbound.contains(name) {
            let message = format!(
                "`{name}` may be any type, but stands here as a net: declare it as `{name}: illia::Net`"
            );
            self.errors.at(name, message);
            self.model.unbound.push(name.clone());
        }
    }

    /// Whether it is a type parameter of which nothing is demanded.
    fn is_unbound(&self, name: &Ident) -> bool {
        let generics = &self.net.generics;
        let clauses = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        let demanded = |predicate: &WherePredicate| match predicate {
            WherePredicate::Type(of) => {
                matches!(&of.bounded_ty, Type::Path(path) if path.path.is_ident(name))
            }
            _ => false,
        };
        generics.type_params().any(|param| param.ident == *name && param.bounds.is_empty())
            && !clauses.into_iter().any(demanded)
    }
}
