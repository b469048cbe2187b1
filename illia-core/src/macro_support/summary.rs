//! The table that a net prints: layer, kind, output shape, parameters, random or not, estimator, totals.

use std::fmt;

use illia_shape::Shape;
use tch::nn::Init;

use crate::module::{BayesianModule, Count, Row, Structure, grouped};
use crate::nn::{CgConv, Conv, ConvTranspose, CrossAttention, Gcn, Linear, Sage, SelfAttention};
use crate::parameter::{Estimator, Posterior, Prior};

/// A layer with an estimator.
pub trait Estimated {
    /// Its estimator.
    fn estimator(&self) -> Estimator;
}

macro_rules! estimated {
    ($([$($generics:tt)*] $layer:ty: $($field:ident).+;)*) => {$(
        impl<$($generics)*> Estimated for $layer {
            fn estimator(&self) -> Estimator {
                self.$($field).+
            }
        }
    )*};
}

estimated! {
    [] Linear: estimator;
    [const D: usize] Conv<D>: estimator;
    [const D: usize] ConvTranspose<D>: estimator;
    [] SelfAttention: in_proj.estimator;
    [] CrossAttention: query.estimator;
    [] Gcn: lin.estimator;
    [] Sage: lin_l.estimator;
    [] CgConv: lin_f.estimator;
}

impl<L: Estimated> Estimated for Vec<L> {
    fn estimator(&self) -> Estimator {
        self.first().map_or_else(Estimator::default, L::estimator)
    }
}

/// The row of a layer with an estimator.
pub fn row<L: BayesianModule + Estimated>(name: &str, kind: &str, output: Shape, layer: &L) -> Row {
    Row::of(name, kind, output, layer).by(layer.estimator())
}

/// `Gaussian(0, 0.1)`
fn prior_in_words(prior: Prior) -> String {
    match prior {
        Prior::Gaussian { mean, std } => format!("Gaussian({mean}, {})", short(std)),
        Prior::ScaleMixture { pi, std1, std2 } => format!("ScaleMixture({pi}, {std1}, {std2})"),
        Prior::Laplace { scale } => format!("Laplace({scale})"),
        Prior::StudentT { dof, scale } => format!("StudentT({dof}, {scale})"),
        Prior::LearnedGaussian { std } => format!("LearnedGaussian({std})"),
        Prior::FanIn { scale } => format!("FanIn({scale})"),
        Prior::Automatic => "Automatic".to_owned(),
        Prior::Earlier => "Earlier".to_owned(),
        Prior::Custom(own) => format!("{own:?}"),
    }
}

/// A number in at most four digits.
fn short(number: f64) -> String {
    let text = format!("{number:.3}");
    if number.to_string().len() <= text.len() { number.to_string() } else { text }
}

/// The family, with where it starts: `Gaussian(~0, ~-7)`, mu before rho.
fn posterior_in_words(posterior: Posterior) -> String {
    let start = |init: Init| match init {
        Init::Const(value) => format!("{value}"),
        Init::Randn { mean, .. } => format!("~{mean}"),
        Init::Uniform { lo, up } => format!("{lo}..{up}"),
        Init::Kaiming { .. } => "He".to_owned(),
        Init::Orthogonal { .. } => "orthogonal".to_owned(),
    };
    match posterior {
        Posterior::Automatic | Posterior::AutomaticLast => "Automatic".to_owned(),
        Posterior::Gaussian { mu, rho } => format!("Gaussian({}, {})", start(mu), start(rho)),
        Posterior::Point { mu } => format!("Point({})", start(mu)),
        Posterior::Dropout { p, mu } => format!("Dropout({p}, {})", start(mu)),
        Posterior::GaussianDropout { std, mu, rho } => {
            format!("GaussianDropout({std}, {}, {})", start(mu), start(rho))
        }
        Posterior::Plain { init } => format!("Plain({})", start(init)),
        Posterior::Lora { rank, alpha, rho } => format!("Lora({rank}, {alpha}, {})", start(rho)),
        Posterior::Custom(own) => own.name(),
    }
}

/// The only one, or the first, a weight's, of several that differ.
fn only(mut list: impl Iterator<Item = String>) -> String {
    let Some(first) = list.next() else { return String::new() };
    if list.all(|other| other == first) { first } else { format!("{first}, ..") }
}

fn estimator_in_words(estimator: Estimator) -> &'static str {
    match estimator {
        Estimator::Automatic => "automatic",
        Estimator::Reparameterization => "reparameterization",
        Estimator::LocalReparameterization => "local reparam.",
        Estimator::Flipout => "flipout",
    }
}

const COLUMNS: usize = 9;
const HEAD: [&str; COLUMNS] =
    ["Layer", "Kind", "Output", "Parameters", "Multiply-adds", "Random", "Prior", "Posterior", "Estimator"];
/// Those of numbers.
const RIGHT: std::ops::RangeInclusive<usize> = 3..=4;

/// Prints a net's table, in the manner of Keras' summary: a line for each layer and each op that changes the shape.
pub fn summary(f: &mut fmt::Formatter<'_>, structure: Option<Structure>) -> fmt::Result {
    let Some(Structure { name: net, inputs, outputs, rows, .. }) = structure else { return Ok(()) };
    let lines: Vec<[String; COLUMNS]> = rows.iter().map(Row::cells).collect();
    let mut widths = HEAD.map(|head| head.chars().count());
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let total = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    writeln!(f, "{net}: {} -> {}", ports(&inputs), ports(&outputs))?;
    writeln!(f, "{}", "━".repeat(total))?;
    line(f, &widths, &HEAD.map(str::to_owned))?;
    writeln!(f, "{}", "─".repeat(total))?;
    for cells in &lines {
        line(f, &widths, cells)?;
    }
    writeln!(f, "{}", "━".repeat(total))?;
    let random: usize = rows.iter().map(|row| row.random).sum();
    let plain: usize = rows.iter().map(|row| row.plain).sum();
    let (all, random, plain) = (grouped(random + plain), grouped(random), grouped(plain));
    writeln!(f, "{all} parameters: {random} random, {plain} plain")?;
    let bytes = in_bytes(rows.iter().map(|row| row.bytes).sum());
    let known = rows.iter().filter_map(|row| row.multiply_adds.as_ref());
    let multiply_adds = known.fold(Count::default(), |sum, count| sum.plus(count));
    let at_least = if rows.iter().all(|row| row.multiply_adds.is_some()) { "" } else { "at least " };
    write!(f, "{bytes} of variables; {at_least}{multiply_adds} multiply-adds for an example")
}

/// 61706 as 61.7 kB.
fn in_bytes(n: usize) -> String {
    let units = ["kB", "MB", "GB", "TB"];
    let mut size = n as f64;
    let mut unit = "B";
    for next in units {
        if size < 999.5 {
            break;
        }
        (size, unit) = (size / 1000.0, next);
    }
    let digits = if unit == "B" || size >= 99.95 { 0 } else { 1 };
    format!("{size:.digits$} {unit}")
}

/// `[784]`, or `(user: [6], item: [4])`.
fn ports(list: &[(String, Shape)]) -> String {
    if let [(name, only)] = list
        && name.is_empty()
    {
        return only.to_string();
    }
    let each: Vec<String> = list.iter().map(|(name, shape)| format!("{name}: {shape}")).collect();
    format!("({})", each.join(", "))
}

impl Row {
    fn cells(&self) -> [String; COLUMNS] {
        let count = self.random + self.plain;
        let random = match (self.random, self.plain) {
            (0, 0) => "",
            (_, 0) => "yes",
            (0, _) => "no",
            _ => "partly",
        };
        let parameters = match count {
            _ if self.is_again => "again".to_owned(),
            0 => String::new(),
            count => grouped(count),
        };
        let multiply_adds = match &self.multiply_adds {
            None => "?".to_owned(),
            Some(count) if count.is_zero() => String::new(),
            Some(count) => count.to_string(),
        };
        let texts = [self.name.clone(), self.kind.clone(), self.output.to_string()];
        let [name, kind, output] = texts;
        let prior = only(self.priors.iter().map(|prior| prior_in_words(*prior)));
        let posterior = only(self.posteriors.iter().map(|posterior| posterior_in_words(*posterior)));
        let estimator = self.estimator.map_or("", estimator_in_words).to_owned();
        [name, kind, output, parameters, multiply_adds, random.to_owned(), prior, posterior, estimator]
    }
}

/// Numbers to the right, words to the left.
fn line(f: &mut fmt::Formatter<'_>, widths: &[usize; COLUMNS], cells: &[String; COLUMNS]) -> fmt::Result {
    let mut text = String::new();
    for (i, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        if i > 0 {
            text.push_str("  ");
        }
        text.push_str(&if RIGHT.contains(&i) {
            format!("{cell:>width$}")
        } else {
            format!("{cell:<width$}")
        });
    }
    writeln!(f, "{}", text.trim_end())
}
