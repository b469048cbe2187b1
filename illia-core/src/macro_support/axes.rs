//! The lengths that named axes turn out to have.

use illia_shape::{Axis, Shape};
use tch::Tensor;

use crate::error::{Error, Result};

/// What each name of a net's shapes stands for in one forward pass.
#[derive(Debug, Default)]
pub struct Axes {
    known: Vec<(&'static str, i64)>,
    /// The examples of the first input: the others have as many.
    batch: Option<i64>,
}

impl Axes {
    /// Nothing is known yet.
    pub fn new() -> Axes {
        Axes::default()
    }

    /// Checks one of several inputs, each of as many examples.
    pub fn input(&mut self, input: &str, shape: Shape, x: &Tensor) -> Result<()> {
        self.check(input, shape, x)?;
        let given = x.size();
        match (self.batch, given.first()) {
            (Some(batch), Some(&n)) if batch != n => {
                let expected = format!("{batch} examples, as of the first input");
                Err(Error::Shape { layer: input.to_owned(), expected, given })
            }
            (_, n) => {
                self.batch = n.copied();
                Ok(())
            }
        }
    }

    /// Checks `x` (with its batch) against a net's input.
    pub fn of(net: &str, input: Shape, x: &Tensor) -> Result<Axes> {
        let mut axes = Axes::default();
        axes.check(net, input, x)?;
        Ok(axes)
    }

    /// Checks a tensor (with its batch) against a shape: a name means the same length everywhere.
    pub fn check(&mut self, layer: &str, shape: Shape, x: &Tensor) -> Result<()> {
        let size = x.size();
        let fits = size.len() == shape.rank() + 1
            && shape.axes().iter().zip(size.iter().skip(1)).all(|(axis, &n)| match *axis {
                Axis::Fixed(expected) => expected == n,
                Axis::Named(name) => self.means(name, n),
                Axis::Linear { name, times, plus } => {
                    let rest = n - plus;
                    times > 0 && rest >= 0 && rest % times == 0 && self.means(name, rest / times)
                }
            });
        if fits {
            return Ok(());
        }
        let expected = self.in_words(shape);
        Err(Error::Shape { layer: layer.to_owned(), expected, given: size })
    }

    /// The length of a name; 0 if there is no such name.
    pub fn length(&self, name: &str) -> i64 {
        self.known.iter().find(|(known, _)| *known == name).map_or(0, |(_, n)| *n)
    }

    fn means(&mut self, name: &'static str, n: i64) -> bool {
        match self.known.iter().find(|(known, _)| *known == name) {
            Some((_, known)) => *known == n,
            None => {
                self.known.push((name, n));
                true
            }
        }
    }

    fn in_words(&self, shape: Shape) -> String {
        let mut words = String::from("[batch");
        for axis in shape.axes() {
            words.push_str(", ");
            words.push_str(&axis.to_string());
        }
        words.push(']');
        words
    }
}
