//! How many there are of something, where the lengths of some axes are known only at run time: a polynomial in their names.

use std::collections::BTreeMap;
use std::fmt;

use illia_shape::Axis;

use super::grouped;

/// The memory's length, of a layer that sees it beside what flows.
pub(crate) const MEMORY: Axis = Axis::Named("memory");

/// Such a number: to each product of names, a name as often as it is a factor, how often it is taken.
#[doc(hidden)]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count(BTreeMap<Vec<&'static str>, i128>);

impl Count {
    pub(crate) fn of(number: usize) -> Count {
        Count::from([(Vec::new(), number as i128)])
    }

    /// The product of the axes' lengths.
    pub(crate) fn product(axes: impl IntoIterator<Item = Axis>) -> Count {
        axes.into_iter().fold(Count::of(1), |product, axis| {
            let length = match axis {
                Axis::Fixed(n) => Count::from([(Vec::new(), n.into())]),
                Axis::Named(name) => Count::from([(vec![name], 1)]),
                Axis::Linear { name, times, plus } => {
                    Count::from([(vec![name], times.into()), (Vec::new(), plus.into())])
                }
            };
            product.times(&length)
        })
    }

    fn from<const N: usize>(terms: [(Vec<&'static str>, i128); N]) -> Count {
        Count(terms.into_iter().filter(|(_, times)| *times != 0).collect())
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub(crate) fn plus(mut self, other: &Count) -> Count {
        for (names, times) in &other.0 {
            let sum = self.0.entry(names.clone()).or_default();
            *sum = sum.saturating_add(*times);
        }
        self.0.retain(|_, times| *times != 0);
        self
    }

    #[must_use]
    pub(crate) fn times(&self, other: &Count) -> Count {
        let mut product = Count::default();
        for (a, times) in &self.0 {
            for (b, more) in &other.0 {
                let mut names = [a.as_slice(), b.as_slice()].concat();
                names.sort_unstable();
                product = product.plus(&Count::from([(names, times.saturating_mul(*more))]));
            }
        }
        product
    }

    /// The same, with the length of an axis in the place of a name.
    #[must_use]
    pub(crate) fn with(&self, name: &str, axis: Axis) -> Count {
        self.0.iter().fold(Count::default(), |sum, (names, times)| {
            let (replaced, kept): (Vec<_>, Vec<_>) = names.iter().partition(|own| **own == name);
            let term = Count::from([(kept, *times)]).times(&Count::product(replaced.iter().map(|_| axis)));
            sum.plus(&term)
        })
    }
}

/// `12,288 seq + 128 seq²`, the least power first.
impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut terms: Vec<_> = self.0.iter().collect();
        terms.sort_by_key(|(names, _)| names.len());
        if terms.is_empty() {
            return f.write_str("0");
        }
        for (i, (names, times)) in terms.into_iter().enumerate() {
            match (i, *times < 0) {
                (0, false) => {}
                (0, true) => f.write_str("-")?,
                (_, false) => f.write_str(" + ")?,
                (_, true) => f.write_str(" - ")?,
            }
            let number = usize::try_from(times.unsigned_abs()).unwrap_or(usize::MAX);
            let mut factors = Vec::new();
            if number != 1 || names.is_empty() {
                factors.push(grouped(number));
            }
            for each in names.chunk_by(PartialEq::eq) {
                let power = match each.len() {
                    1 => String::new(),
                    2 => "²".to_owned(),
                    3 => "³".to_owned(),
                    n => format!("^{n}"),
                };
                factors.push(format!("{}{power}", each.first().copied().unwrap_or_default()));
            }
            f.write_str(&factors.join(" "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_names_and_numbers_read_as_they_are_written() {
        let seq = Axis::Named("seq");
        assert_eq!(Count::product([Axis::Fixed(3), Axis::Fixed(400)]).to_string(), "1,200");
        let projections = Count::product([Axis::Fixed(12_288), seq]);
        let attention = Count::product([Axis::Fixed(128), seq, seq]);
        let all = projections.plus(&attention);
        assert_eq!(all.to_string(), "12,288 seq + 128 seq²");
        assert_eq!(all.with("seq", Axis::Fixed(10)).to_string(), "135,680");
        assert_eq!(Count::default().to_string(), "0");
    }

    #[test]
    fn what_is_less_than_an_axis_is_multiplied_out() {
        let shorter = Axis::Linear { name: "h", times: 1, plus: -2 };
        assert_eq!(Count::product([Axis::Fixed(9), shorter, shorter]).to_string(), "36 - 36 h + 9 h²");
        let other = Count::product([Axis::Named("len")]).with("len", shorter);
        assert_eq!(other.to_string(), "-2 + h");
    }
}
