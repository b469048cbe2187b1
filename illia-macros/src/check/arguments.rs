//! The arguments of a layer or op: one by place, the others by name.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Expr, Ident, Lit};

use super::Checker;
use super::sizes::{ident_of, strip, word_of};
use crate::dim::Dim;
use crate::names;
use crate::parse::{Arg, Args, Value};
use crate::text::shown;

/// What stands in the place of these, or under another name, is no guess at them: others count axes with the batch, and name no masks.
const GUESSED_BADLY: [&str; 2] = ["axis", "mask"];

/// The arguments that name values.
const VALUES: [&str; 5] = ["memory", "edges", "attributes", "state", "mask"];

/// The arguments of one layer, while they are read.
pub struct Reader {
    /// `Linear`, for messages.
    pub kind: String,
    /// Where to point for what is missing.
    pub at: Ident,
    args: Vec<Arg>,
    span: Span,
}

impl Reader {
    pub fn new(kind: &Ident, args: Option<&Args>) -> Reader {
        let span = args.map_or_else(|| kind.span(), |args| args.span);
        Reader {
            kind: kind.to_string(),
            at: kind.clone(),
            args: args.map(|args| args.list.clone()).unwrap_or_default(),
            span,
        }
    }

    pub fn span(&self) -> Span {
        self.span
    }

    pub fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// The name of an argument where it is written.
    pub fn name_of(&self, name: &str) -> Option<Ident> {
        self.args.iter().filter_map(|arg| arg.name.clone()).find(|written| written == name)
    }

    /// Looks at no argument of these names any more.
    pub fn leave_out(&mut self, names: &[&str]) {
        self.args.retain(|arg| !arg.name.as_ref().is_some_and(|name| names.iter().any(|out| name == out)));
    }

    /// The library's function for an op.
    pub fn function(&self) -> Ident {
        Ident::new(&self.kind, self.at.span())
    }
}

impl Checker<'_> {
    /// Refuses unknown and doubled names, and more than `places` arguments without one.
    pub fn known_arguments(&mut self, reader: &mut Reader, places: usize, known: &[&str]) {
        let kind = reader.kind.clone();
        let mut seen: Vec<String> = Vec::new();
        let mut placed = 0;
        // What an op takes by place is the first that it takes by name.
        let first = usize::from(places == 1 && !known.contains(&"posterior")).min(known.len());
        let mut kept = Vec::new();
        let args = std::mem::take(&mut reader.args);
        let given: Vec<String> =
            args.iter().filter_map(|arg| arg.name.as_ref()).map(Ident::to_string).collect();
        for arg in args.iter().filter(|arg| arg.name.is_none()).skip(places) {
            if let Some(word) = arg.value.expr().and_then(word_of) {
                self.model.words.add(word, known.iter().copied());
            }
        }
        let args = if places == 1 { self.both_sizes(&kind, args, known) } else { args };
        for arg in args {
            let Some(name) = &arg.name else {
                placed += 1;
                if placed > places {
                    // A value is none of the numbers.
                    let value =
                        arg.value.expr().and_then(ident_of).is_some_and(|name| self.value(&name).is_some());
                    let free = |name: &&&str| !given.iter().chain(&seen).any(|given| given == *name);
                    let meant = match value {
                        true => known.iter().filter(|name| VALUES.contains(name)).find(free),
                        false => known.get(first + placed - places - 1).filter(free),
                    };
                    // One mistake, however many there are of it.
                    if placed == places + 1 {
                        self.too_many(&kind, &arg, placed, places, &known[first..], meant);
                    }
                    // It is taken for what it was most likely meant to be; an axis may have been counted with the batch.
                    if let (Some(meant), Value::Expr(expr)) = (meant, &arg.value)
                        && (value || !GUESSED_BADLY.contains(meant))
                    {
                        let name = Ident::new(meant, expr.span());
                        seen.push(name.to_string());
                        kept.push(Arg { name: Some(name), ..arg });
                    }
                } else {
                    kept.push(arg);
                }
                continue;
            };
            let text = name.to_string();
            if !known.contains(&text.as_str()) {
                self.model.words.add(name, known.iter().copied());
                let output = [
                    "out",
                    "output",
                    "outputs",
                    "out_features",
                    "out_channels",
                    "units",
                    "size",
                    "hidden",
                    "hidden_size",
                    "embedding_dim",
                    "channels",
                    "features",
                    "filters",
                    "width",
                ];
                // Of layers only: an op's first argument is no size.
                if places == 1
                    && known.contains(&"posterior")
                    && placed == 0
                    && output.contains(&text.as_str())
                {
                    let value = arg.value.expr().map(shown).unwrap_or_default();
                    let message =
                        format!("the output size of `{kind}` goes first, without a name: `{kind}({value})`");
                    self.errors.at(name, message);
                    placed += 1;
                    kept.insert(0, Arg { name: None, ..arg });
                    continue;
                }
                if places == 1 && placed == 0 && known.is_empty() {
                    let value = arg.value.expr().map(shown).unwrap_or_default();
                    self.errors
                        .at(name, format!("`{kind}` takes its argument without a name: `{kind}({value})`"));
                    placed += 1;
                    kept.push(Arg { name: None, ..arg });
                    continue;
                }
                // An only argument is what was meant.
                let meant = names::argument(&text, known);
                let meant = meant.or_else(|| known.first().copied().filter(|_| known.len() == 1));
                let hint = match names::argument(&text, known) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None if known.is_empty() => "it takes none by name".to_owned(),
                    None => format!("it takes {}", names::listed(known)),
                };
                self.errors.at(name, format!("unknown argument `{text}` of `{kind}`; {hint}"));
                // What it was most likely meant to be is no longer missing.
                if let Some(meant) = meant
                    .filter(|meant| !GUESSED_BADLY.contains(meant))
                    .filter(|meant| !given.iter().any(|given| given == meant))
                {
                    seen.push(meant.to_owned());
                    kept.push(Arg { name: Some(Ident::new(meant, name.span())), ..arg });
                }
            } else if seen.contains(&text) {
                self.errors.at(name, format!("the argument `{text}` of `{kind}` is given twice"));
            } else {
                seen.push(text);
                kept.push(arg);
            }
        }
        reader.args = kept;
    }

    /// `Linear(400, 120)` and `Conv2d(1, 6, 5)`, as other libraries have it: said once, and read as it was meant.
    fn both_sizes(&mut self, kind: &str, mut args: Vec<Arg>, known: &[&str]) -> Vec<Arg> {
        let sizes: Vec<Expr> = args
            .iter()
            .take_while(|arg| arg.name.is_none() && arg.to.is_none())
            .filter_map(|arg| arg.value.expr())
            .cloned()
            .collect();
        let windowed = known.contains(&"kernel");
        let [input, output, rest @ ..] = sizes.as_slice() else { return args };
        let value = |size: &Expr| ident_of(size).filter(|name| self.value(name).is_some());
        if let Some(name) = value(input) {
            let message =
                format!("a value flows into a layer by an arrow, `{name} -> fc: {kind}({})`", shown(output));
            self.errors.at(input, message);
            args.remove(0);
            return args;
        }
        if value(output).is_some() {
            return args;
        }
        if known.contains(&"vocabulary") && rest.is_empty() {
            let (n, o) = (shown(input), shown(output));
            let message = format!(
                "`{kind}` takes its output size first, the vocabulary by name: `{kind}({o}, vocabulary: {n})`"
            );
            self.errors.at(output, message);
            if let Some(vocabulary) = args.first_mut() {
                vocabulary.name = Some(Ident::new("vocabulary", input.span()));
            }
            return args;
        }
        if kind == "GroupNorm" && rest.is_empty() {
            let message = format!(
                "`GroupNorm` takes its groups by name, and knows its channels: `GroupNorm(groups: {})`",
                shown(input)
            );
            self.errors.at(output, message);
            if let Some(groups) = args.first_mut() {
                groups.name = Some(Ident::new("groups", input.span()));
            }
            return args;
        }
        let sized = known.contains(&"estimator") || known.contains(&"bidirectional");
        if !sized || rest.len() != usize::from(windowed) {
            return args;
        }
        let (i, o) = (shown(input), shown(output));
        let kernel = rest.first().map_or_else(String::new, |kernel| format!(", kernel: {}", shown(kernel)));
        let message = format!(
            "`{kind}` takes its output size alone, since the input's is known: `{kind}({o}{kernel})`, or `{kind}({i} => {o}{kernel})` to have it checked"
        );
        self.errors.at(output, message);
        args.remove(0);
        if let (Some(kernel), Some(arg)) = (rest.first(), args.get_mut(1)) {
            arg.name = Some(Ident::new("kernel", kernel.span()));
        }
        args
    }

    fn too_many(
        &mut self,
        kind: &str,
        arg: &Arg,
        placed: usize,
        places: usize,
        known: &[&str],
        meant: Option<&&str>,
    ) {
        let value = arg.value.expr().map(shown).unwrap_or_default();
        let message = match (places, known) {
            (_, [_, _, ..]) if meant.is_some_and(|meant| VALUES.contains(meant)) => {
                let meant = meant.copied().unwrap_or_default();
                format!("`{kind}` takes the value `{value}` by name: `{meant}: {value}`")
            }
            (1, []) if ["adaptive_avg_pool", "upsample"].contains(&kind) => {
                format!(
                    "`{kind}` takes a number, or one for each spatial axis in parentheses: `{kind}((2, 2))`"
                )
            }
            (0, []) => format!("`{kind}` takes no argument"),
            (_, []) => format!(
                "`{kind}` takes {places} argument{}, got {placed}",
                if places == 1 { "" } else { "s" }
            ),
            (0, [one]) => format!("`{kind}` takes its argument by name: `{kind}({one}: ..)`"),
            (0, _) => format!("`{kind}` takes its arguments by name: {}", names::listed(known)),
            (_, [first, ..]) => format!(
                "only the first argument of `{kind}` goes without a name; write `{first}: {value}`? it takes {}",
                names::listed(known)
            ),
        };
        match &arg.value {
            Value::Expr(expr) => self.errors.at(expr, message),
            Value::Family(ident, _) => self.errors.at(ident, message),
        }
    }

    /// The argument of that name.
    pub fn named_argument(&self, reader: &Reader, name: &str) -> Option<Expr> {
        let arg = reader.args.iter().find(|arg| arg.name.as_ref().is_some_and(|n| n == name))?;
        arg.value.expr().cloned()
    }

    /// The family of that name.
    pub fn family(&self, reader: &Reader, name: &str) -> Option<Value> {
        reader
            .args
            .iter()
            .find(|arg| arg.name.as_ref().is_some_and(|n| n == name))
            .map(|arg| arg.value.clone())
    }

    /// The arguments without a name, each with what stands behind `=>`.
    pub fn placed<'r>(&self, reader: &'r Reader) -> Vec<(&'r Expr, Option<&'r Expr>)> {
        let unnamed = reader.args.iter().filter(|arg| arg.name.is_none());
        unnamed.filter_map(|arg| Some((arg.value.expr()?, arg.to.as_ref()))).collect()
    }

    /// The output size, and the input size if it is stated. The size is asked for if there is none.
    pub fn output_size(&mut self, reader: &Reader, example: &str) -> (Option<Dim>, Option<(Expr, Dim)>) {
        let kind = &reader.kind;
        let Some((first, to)) = self.placed(reader).into_iter().next() else {
            self.errors.at(&reader.at, format!("`{kind}` needs its output size: `{example}`"));
            return (None, None);
        };
        let (first, to) = (first.clone(), to.cloned());
        match to {
            None => (self.size(&first, &format!("the output size of `{kind}`"), 1), None),
            Some(to) => {
                let input = self.size(&first, &format!("the input size of `{kind}`"), 1);
                (self.size(&to, &format!("the output size of `{kind}`"), 1), input.map(|dim| (first, dim)))
            }
        }
    }

    /// A size by name.
    pub fn named_size(&mut self, reader: &Reader, name: &str, least: i64) -> Option<Dim> {
        let expr = self.named_argument(reader, name)?;
        self.size(&expr, &format!("`{name}` of `{}`", reader.kind), least)
    }

    /// One size for each of `count` axes, from a number, a tuple or an array. `Err` if there was a mistake.
    pub fn sizes_of(&mut self, expr: &Expr, what: &str, count: usize, least: i64) -> Result<Vec<Dim>, ()> {
        let elements: Vec<&Expr> = match strip(expr) {
            Expr::Tuple(tuple) => tuple.elems.iter().collect(),
            Expr::Array(array) => array.elems.iter().collect(),
            Expr::Lit(lit) if matches!(&lit.lit, Lit::Str(text) if text.value() == "same") => {
                let message = format!(
                    "{what} is a number: half of an odd kernel, 1 for 3, keeps the size where the stride is 1"
                );
                self.errors.at(expr, message);
                return Err(());
            }
            one => {
                let dim = self.size(one, what, least).ok_or(())?;
                return Ok(vec![dim; count]);
            }
        };
        if elements.len() != count {
            let axes = if count == 1 { "axis" } else { "axes" };
            let message = format!("{what} is for {count} spatial {axes}, got {} numbers", elements.len());
            self.errors.at(expr, message);
            return Err(());
        }
        let dims: Vec<Option<Dim>> = elements.into_iter().map(|e| self.size(e, what, least)).collect();
        dims.into_iter().collect::<Option<Vec<_>>>().ok_or(())
    }

    /// The same by name, with a default.
    pub fn named_sizes(
        &mut self,
        reader: &Reader,
        name: &str,
        count: usize,
        least: i64,
        default: i64,
    ) -> Result<Vec<Dim>, ()> {
        match self.named_argument(reader, name) {
            None => Ok(vec![Dim::Fixed(default); count]),
            Some(expr) => self.sizes_of(&expr, &format!("`{name}` of `{}`", reader.kind), count, least),
        }
    }
}
