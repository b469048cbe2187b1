//! The arguments of a layer or op: one by place, the others by name.

use proc_macro2::Span;
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Expr, Ident, Lit};

use super::Checker;
use super::sizes::{Literal, literal, shown, strip};
use crate::dim::{Cond, Dim};
use crate::names;
use crate::parse::{Arg, Args, Value};
use crate::say::Say;

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
        let args = if places == 1 { self.both_sizes(&kind, args, known) } else { args };
        for arg in args {
            let Some(name) = &arg.name else {
                placed += 1;
                if placed > places {
                    // One mistake, however many there are of it.
                    if placed == places + 1 {
                        self.too_many(&kind, &arg, placed, places, &known[first..]);
                    }
                    // It is taken for what it was most likely meant to be.
                    if let (Some(meant), Value::Expr(expr)) =
                        (known.get(first + placed - places - 1), &arg.value)
                        && !given.iter().any(|given| given == meant)
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
                // What it was most likely meant to be is no longer missing; an axis that others count with the batch is left out.
                let counted = text == "dim";
                if let Some(meant) =
                    meant.filter(|_| !counted).filter(|meant| !given.iter().any(|given| given == meant))
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

    fn too_many(&mut self, kind: &str, arg: &Arg, placed: usize, places: usize, known: &[&str]) {
        let value = arg.value.expr().map(shown).unwrap_or_default();
        let message = match (places, known) {
            (0, []) => format!("`{kind}` takes no argument"),
            (_, []) => format!(
                "`{kind}` takes {places} argument{}, got {placed}",
                if places == 1 { "" } else { "s" }
            ),
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

    /// A real number within a range, as far as it is a literal; the tokens for it, of type f64.
    pub fn real(&mut self, expr: &Expr, what: &str, range: Range) -> Option<proc_macro2::TokenStream> {
        let number = match float(expr) {
            Ok(number) => number,
            Err(why) => {
                self.errors.at(expr, format!("{what}: {why}"));
                return None;
            }
        };
        let Some(number) = number else {
            let expr = strip(expr);
            self.real_in_range(expr, what, range);
            return Some(quote!((#expr)));
        };
        if !range.contains(number) {
            self.errors.at(expr, format!("{what} must be {}, got {}", range.in_words(), shown(expr)));
            return None;
        }
        let literal = proc_macro2::Literal::f64_unsuffixed(number.abs());
        Some(if number.is_sign_negative() { quote!(-#literal) } else { quote!(#literal) })
    }
}

impl Checker<'_> {
    /// What is no literal: a const item or parameter is looked at by the compiler, anything else when the net is made.
    fn real_in_range(&mut self, expr: &Expr, what: &str, range: Range) {
        let private = self.private();
        let name = match expr {
            Expr::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        let constant = name.is_some_and(|name| {
            !self.is_argument(&name)
                && name.chars().any(char::is_uppercase)
                && !name.chars().any(char::is_lowercase)
        });
        let range_name = Ident::new(range.function(), Span::call_site());
        let holds = quote!(#private::#range_name(#expr));
        let say =
            Say::new(format!("{what} must be {}, got ", range.in_words())).real(quote!(#expr), shown(expr));
        if constant || self.level(expr) == crate::dim::Level::Made {
            self.require(expr, Cond::Const(holds), say);
        }
    }
}

/// Where a number may lie.
#[derive(Clone, Copy)]
pub enum Range {
    Any,
    /// Above 0.
    Positive,
    /// Within (0, 1).
    Inside,
    /// Within [0, 1).
    Probability,
    /// At least 0.
    NonNegative,
}

impl Range {
    fn contains(self, x: f64) -> bool {
        match self {
            Range::Any => x.is_finite(),
            Range::Positive => x > 0.0 && x.is_finite(),
            Range::Inside => x > 0.0 && x < 1.0,
            Range::Probability => (0.0..1.0).contains(&x),
            Range::NonNegative => x >= 0.0 && x.is_finite(),
        }
    }

    /// The library's test.
    fn function(self) -> &'static str {
        match self {
            Range::Any => "is_finite",
            Range::Positive => "is_positive",
            Range::Inside => "is_inside",
            Range::Probability => "is_probability",
            Range::NonNegative => "is_non_negative",
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Range::Any => "a finite number",
            Range::Positive => "a number above 0",
            Range::Inside => "between 0 and 1",
            Range::Probability => "at least 0 and below 1",
            Range::NonNegative => "at least 0",
        }
    }
}

/// A literal's value; `None` if it is no literal.
fn float(expr: &Expr) -> Result<Option<f64>, String> {
    match expr {
        Expr::Lit(lit) => match &lit.lit {
            Lit::Float(float) => float.base10_parse().map(Some).map_err(|e| e.to_string()),
            Lit::Int(int) => int.base10_parse::<f64>().map(Some).map_err(|e| e.to_string()),
            other => Err(format!("expected a number, got `{}`", other.to_token_stream())),
        },
        Expr::Unary(unary) if matches!(unary.op, syn::UnOp::Neg(_)) => Ok(float(&unary.expr)?.map(|x| -x)),
        Expr::Paren(paren) => float(&paren.expr),
        Expr::Group(group) => float(&group.expr),
        _ => match literal(expr) {
            Literal::Number(n) => Ok(Some(n as f64)),
            _ => Ok(None),
        },
    }
}
