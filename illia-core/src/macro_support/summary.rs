//! The table that a net prints: layer, kind, output shape, parameters, random or not, estimator, totals.

use std::fmt;

use illia_shape::Shape;

use crate::module::{BayesianModule, Visitor};
use crate::pass::Estimator;

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Row {
    name: String,
    kind: String,
    output: Shape,
    random: usize,
    plain: usize,
    estimator: &'static str,
}

impl Row {
    /// An op.
    pub fn new(name: &str, kind: &str, output: Shape) -> Row {
        Row { name: name.to_owned(), kind: kind.to_owned(), output, random: 0, plain: 0, estimator: "" }
    }

    /// A layer, whose parameters are counted by its traversal.
    pub fn of(name: &str, kind: &str, output: Shape, module: &dyn BayesianModule) -> Row {
        let mut row = Row::new(name, kind, output);
        let mut visitor = Visitor::new();
        module.visit(&mut visitor);
        row.plain += visitor.plain_weights();
        for (_, parameter) in visitor.into_named() {
            row.random += parameter.num_params();
            row.plain += parameter.num_weights() - parameter.num_params();
        }
        row
    }

    /// The same, with the estimator it uses.
    #[must_use]
    pub fn by(mut self, estimator: Estimator) -> Row {
        if self.random > 0 {
            self.estimator = match estimator {
                Estimator::Reparameterization => "reparameterization",
                Estimator::LocalReparameterization => "local reparam.",
                Estimator::Flipout => "flipout",
            };
        }
        self
    }
}

const HEAD: [&str; 6] = ["Layer", "Kind", "Output", "Parameters", "Random", "Estimator"];

/// Prints a net's table, in the manner of Keras' summary: a line for each layer and each op that changes the shape.
pub fn summary(
    f: &mut fmt::Formatter<'_>,
    net: &str,
    input: Shape,
    output: Shape,
    rows: &[Row],
) -> fmt::Result {
    let lines: Vec<[String; 6]> = rows.iter().map(Row::cells).collect();
    let mut widths = HEAD.map(|head| head.chars().count());
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let total = widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    writeln!(f, "{net}: {input} -> {output}")?;
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
    write!(f, "{all} parameters: {random} random, {plain} plain")
}

impl Row {
    fn cells(&self) -> [String; 6] {
        let count = self.random + self.plain;
        let random = match (self.random, self.plain) {
            (0, 0) => "",
            (_, 0) => "yes",
            (0, _) => "no",
            _ => "partly",
        };
        let parameters = if count == 0 { String::new() } else { grouped(count) };
        let texts = [self.name.clone(), self.kind.clone(), self.output.to_string()];
        let [name, kind, output] = texts;
        [name, kind, output, parameters, random.to_owned(), self.estimator.to_owned()]
    }
}

/// Numbers to the right, words to the left.
fn line(f: &mut fmt::Formatter<'_>, widths: &[usize; 6], cells: &[String; 6]) -> fmt::Result {
    let mut text = String::new();
    for (i, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        if i > 0 {
            text.push_str("  ");
        }
        text.push_str(&if i == 3 { format!("{cell:>width$}") } else { format!("{cell:<width$}") });
    }
    writeln!(f, "{}", text.trim_end())
}

/// 61706 as 61,706.
fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
