//! What was meant by a word in a chain that is none of its values, ops or steps, and by an input that is of another shape.

use proc_macro2::{Ident, TokenStream, TokenTree};

use super::Checker;
use super::layers::layer_names;
use super::ops::op_names;
use super::sizes::{ident_of, visit_idents};
use crate::dim::Dim;
use crate::names;
use crate::parse::{Args, Step};
use crate::text::shown;

/// What a bare word is.
pub enum Meant {
    /// This op; after a mistake the one that is nearest.
    Op(&'static str),
    /// A function in scope.
    Function,
    /// Nothing that there is, which has been said.
    Nothing,
}

impl Checker<'_> {
    /// What a word is that is no named value and no step made before.
    pub fn meant(&mut self, ident: &Ident, args: Option<&Args>, starts: bool) -> Meant {
        let (name, ops) = (ident.to_string(), op_names());
        if let Some(op) = ops.iter().find(|op| **op == name) {
            return Meant::Op(op);
        }
        let values = self.values.iter().map(|value| value.name.as_str());
        let steps = self.known.iter().map(|known| known.name.as_str());
        self.model.words.add(ident, ops.iter().copied().chain(values).chain(steps));
        let capital = name.starts_with(char::is_uppercase);
        if let Some(near) = names::nearest(&name, &ops).filter(|_| !capital) {
            let message = format!(
                "unknown op `{name}`; did you mean `{near}`? a function of your own is written as a path: `self::{name}`"
            );
            self.errors.at(ident, message);
            return Meant::Op(near);
        }
        let message = match args {
            _ if capital => capitalised(&name, &ops, starts),
            Some(args) => self.called(ident, args, &ops),
            None => match self.no_function(ident) {
                Some(message) => message,
                None => return Meant::Function,
            },
        };
        self.errors.at(ident, message);
        Meant::Nothing
    }

    /// `word(..)`
    fn called(&self, ident: &Ident, args: &Args, ops: &[&'static str]) -> String {
        let name = ident.to_string();
        let mut given = args.list.iter().filter_map(|arg| arg.value.expr());
        if self.is_made(ident) {
            let given = given.next().map_or_else(|| "value".to_owned(), shown);
            return format!(
                "`{name}` is a step, which takes what flows to it: `{given} -> {name}: ..` where it is made, `{given} -> {name}` once it is"
            );
        }
        if let Some(ours) = names::elsewhere(&name, ops) {
            return format!("unknown op `{name}`; it is written `{ours}`");
        }
        if ["each", "repeat", "residual"].contains(&name.as_str()) {
            return format!("the steps of `{name}` stand in braces: `{name} {{ .. }}`");
        }
        if given.any(|given| ident_of(given).is_some_and(|value| self.value(&value).is_some())) {
            return format!(
                "unknown op `{name}`; values are joined by `add`, `multiply` and `concat`, and a closure behind `concat` makes of them what it likes: `concat(..) -> (|x| ..): [..]`"
            );
        }
        format!(
            "unknown op `{name}`; for a function of your own write a closure, `(|x| {name}(x, ..))`; known are {}",
            names::listed(ops.split_last().map_or(&[], |(_, all)| all))
        )
    }

    /// Why a bare word is not taken for a function in scope: a step is nearly called so, or will be.
    fn no_function(&self, ident: &Ident) -> Option<String> {
        let name = ident.to_string();
        let steps: Vec<&str> = self.known.iter().map(|known| known.name.as_str()).collect();
        let said = match names::nearest(&name, &steps).filter(|_| name.len() > 3) {
            Some(near) => format!("no step is called `{name}`; did you mean `{near}`?"),
            None if self.is_made(ident) => {
                format!("the step `{name}` is made further down, and can be used again only behind that;")
            }
            None => return None,
        };
        Some(format!("{said} a function of your own is written as a path: `self::{name}`"))
    }

    /// Whether a step of the net is called so, here or further down.
    fn is_made(&self, name: &Ident) -> bool {
        self.net.steps.iter().any(|step: &Step| step.name.as_ref() == Some(name))
    }

    /// What a closure names: a value, which it does not see, and arguments of the net, which have no `self` before them.
    pub fn mentions(&mut self, closure: &TokenStream) {
        visit_idents(closure.clone(), &mut |ident| {
            let name = ident.to_string();
            if self.value(&name).is_some() {
                self.in_closures.push(name);
            }
        });
        if let Some(argument) = self.of_self(closure.clone()) {
            let message =
                format!("an argument of the net is a value by its name: `{argument}`, without `self`");
            self.errors.at(&argument, message);
        }
    }

    /// `self.width`, where `width` is an argument of the net.
    fn of_self(&self, tokens: TokenStream) -> Option<Ident> {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let here = tokens.windows(3).find_map(|three| match three {
            [TokenTree::Ident(of), TokenTree::Punct(point), TokenTree::Ident(name)]
                if of == "self" && point.as_char() == '.' && self.is_argument(&name.to_string()) =>
            {
                Some(name.clone())
            }
            _ => None,
        });
        here.or_else(|| {
            tokens.into_iter().find_map(|token| match token {
                TokenTree::Group(group) => self.of_self(group.stream()),
                _ => None,
            })
        })
    }
}

/// A word that begins with a capital: a layer, or an op as others write it.
fn capitalised(name: &str, ops: &[&'static str], starts: bool) -> String {
    if let Some(op) = names::op_of(name, ops) {
        return format!("unknown op `{name}`; it is written `{op}`");
    }
    match (layer_names().contains(&name), starts) {
        (true, true) => format!(
            "`{name}` is a layer, which has a name, that of its field and weights: `name: {name}(..),`"
        ),
        (true, false) => format!("`{name}` is a layer and has a step of its own: `name: {name}(..),`"),
        _ => format!("unknown op `{name}`; a layer or net has a step of its own: `name: {name},`"),
    }
}

/// What might have been meant, where the input has the wrong number of axes.
pub fn rank_hint(kind: &str, dims: &[Dim]) -> String {
    let sequence = ["Lstm", "Gru", "Rnn", "SelfAttention", "CrossAttention"].contains(&kind);
    let sizes: Option<Vec<i64>> = dims.iter().map(Dim::fixed).collect();
    match sizes.as_deref() {
        Some([1, h, w]) if sequence => {
            return format!("; `reshape([{h}, {w}])` before it makes a sequence of its rows");
        }
        Some([c, h, w]) if sequence => {
            let pixels = h.saturating_mul(*w);
            return format!(
                "; `reshape([{c}, {pixels}]) -> permute([1, 0])` before it makes a sequence of its pixels"
            );
        }
        _ => {}
    }
    let [one] = dims else { return String::new() };
    match (kind, one.fixed()) {
        ("Conv2d", Some(n)) => {
            let side = (1..=n).find(|side| side * side >= n).unwrap_or(n);
            if side * side == n && side > 1 {
                format!("; `reshape([1, {side}, {side}])` before it makes an image of them")
            } else {
                "; put a `reshape([channels, height, width])` before it".into()
            }
        }
        ("Conv1d", Some(n)) => {
            format!("; `reshape([1, {n}])` before it makes a signal of one channel of them")
        }
        ("Lstm" | "Gru" | "Rnn", None) => "; tokens need an `Embedding(size, vocabulary: n)` first".into(),
        _ => String::new(),
    }
}
