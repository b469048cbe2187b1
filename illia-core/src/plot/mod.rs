//! Pictures in SVG: curves, bands, points and bars over axes, images, and rows and columns of them, in the viewer's light or dark mode.
//!
//! What a run or a check found draws itself: [`History::plot`](crate::History::plot), [`Calibration::plot`](crate::Calibration::plot),
//! [`Reliability::plot`](crate::metrics::Reliability::plot). [`Plot`] draws what is yours:
//!
//! ```no_run
//! use illia_core::plot::{Colour, Plot};
//! use tch::{Device, Kind, Tensor};
//!
//! let x = Tensor::linspace(-1.0, 1.0, 50, (Kind::Float, Device::Cpu));
//! let (mean, half) = (x.square(), &x * 0.1 + 0.2);
//! Plot::new("input", "target")
//!     .band(Colour::First, &x, &(&mean - &half), &(&mean + &half))?
//!     .named("90 % interval")
//!     .line(Colour::First, &x, &mean)?
//!     .named("mean")
//!     .picture()
//!     .titled("A curve", "and how sure it is")
//!     .write("curve.svg")?;
//! # Ok::<(), illia_core::Error>(())
//! ```

mod bitmap;
mod frame;
mod picture;
mod ticks;

#[cfg(feature = "report")]
pub(crate) use bitmap::data_uri;
pub use picture::Picture;
#[cfg(feature = "report")]
pub(crate) use picture::STYLE;
pub(crate) use picture::escaped;

use tch::{Kind, Tensor};

use crate::error::{Error, Result};

/// What a mark is drawn in; each has a shade for light and one for dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Colour {
    /// Blue: what the picture is about.
    First,
    /// Orange: what it is compared with.
    Second,
    /// Grey: what is there besides.
    Muted,
    /// Black, or white in the dark: data.
    Ink,
}

impl Colour {
    fn class(self) -> &'static str {
        match self {
            Colour::First => "first",
            Colour::Second => "second",
            Colour::Muted => "muted",
            Colour::Ink => "ink",
        }
    }
}

type Point = (f64, f64);

/// One mark over the axes.
#[derive(Debug, Clone)]
struct Mark {
    shape: Shape,
    colour: Colour,
    /// What the key calls it; nothing if it is in none.
    name: String,
}

#[derive(Debug, Clone)]
enum Shape {
    /// A line through points, by its class in the style: `line`, `thin`, `dashed`.
    Line(&'static str, Vec<Point>),
    /// Between two lines over the same x.
    Band(Vec<Point>, Vec<Point>),
    Points(Vec<Point>),
    /// From left to right, and how high from 0.
    Bars(Vec<(Point, f64)>),
    /// A dashed line from bottom to top.
    Upright(f64),
}

/// Axes and what is drawn over them: marks lie over each other in the order in which they come.
///
/// Ranges follow what is drawn unless they are said; what lies outside of them is cut off, and a line has a gap where its values are no
/// finite numbers.
#[derive(Debug, Clone)]
pub struct Plot {
    size: (f64, f64),
    names: (String, String),
    ranges: (Option<Point>, Option<Point>),
    x_ticks: Option<Vec<f64>>,
    marks: Vec<Mark>,
}

impl Plot {
    /// Nothing yet over axes of these names, which may be empty; 440 by 280 pixels.
    pub fn new(x: &str, y: &str) -> Self {
        Plot {
            size: (440.0, 280.0),
            names: (x.to_owned(), y.to_owned()),
            ranges: (None, None),
            x_ticks: None,
            marks: Vec::new(),
        }
    }

    /// How large it is, in pixels, with the names of the axes; the key comes on top.
    #[must_use]
    pub fn size(mut self, width: f64, height: f64) -> Self {
        self.size = (width, height);
        self
    }

    /// The values at the left and the right end.
    #[must_use]
    pub fn x_range(mut self, from: f64, to: f64) -> Self {
        self.ranges.0 = Some((from, to));
        self
    }

    /// The values at the lower and the upper end.
    #[must_use]
    pub fn y_range(mut self, from: f64, to: f64) -> Self {
        self.ranges.1 = Some((from, to));
        self
    }

    /// Where the x axis has its numbers, in place of round ones.
    #[must_use]
    pub fn x_ticks(mut self, ticks: &[f64]) -> Self {
        self.x_ticks = Some(ticks.to_vec());
        self
    }

    /// A line through points, `x` and `y` of as many elements.
    ///
    /// # Errors
    /// [`Error::Configuration`] for another number of elements.
    pub fn line(self, colour: Colour, x: &Tensor, y: &Tensor) -> Result<Self> {
        Ok(self.mark(colour, Shape::Line("line", points(x, y)?)))
    }

    /// The same, thin and pale: one of many.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn thin_line(self, colour: Colour, x: &Tensor, y: &Tensor) -> Result<Self> {
        Ok(self.mark(colour, Shape::Line("thin", points(x, y)?)))
    }

    /// The same in dashes: what should be.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn dashed_line(self, colour: Colour, x: &Tensor, y: &Tensor) -> Result<Self> {
        Ok(self.mark(colour, Shape::Line("dashed", points(x, y)?)))
    }

    /// All between two lines over the same `x`; bands over each other get darker.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn band(self, colour: Colour, x: &Tensor, low: &Tensor, high: &Tensor) -> Result<Self> {
        Ok(self.mark(colour, Shape::Band(points(x, low)?, points(x, high)?)))
    }

    /// Discs.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn points(self, colour: Colour, x: &Tensor, y: &Tensor) -> Result<Self> {
        Ok(self.mark(colour, Shape::Points(points(x, y)?)))
    }

    /// Bars from 0 to `height`, each around its `x` and so wide.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn bars(self, colour: Colour, x: &Tensor, width: f64, height: &Tensor) -> Result<Self> {
        let half = width / 2.0;
        let bars = points(x, height)?.into_iter().map(|(x, height)| ((x - half, x + half), height));
        Ok(self.mark(colour, Shape::Bars(bars.collect())))
    }

    /// Puts the mark before this into the key, above the axes, by a name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        if let Some(mark) = self.marks.last_mut() {
            name.clone_into(&mut mark.name);
        }
        self
    }

    /// It drawn.
    pub fn picture(&self) -> Picture {
        frame::draw(self)
    }

    fn mark(mut self, colour: Colour, shape: Shape) -> Self {
        self.marks.push(Mark { shape, colour, name: String::new() });
        self
    }

    /// What the library draws itself has its points at hand.
    pub(crate) fn line_through(self, colour: Colour, points: impl IntoIterator<Item = Point>) -> Self {
        self.mark(colour, Shape::Line("line", points.into_iter().collect()))
    }

    pub(crate) fn dashed_through(self, colour: Colour, points: impl IntoIterator<Item = Point>) -> Self {
        self.mark(colour, Shape::Line("dashed", points.into_iter().collect()))
    }

    /// (left, right), height.
    pub(crate) fn bars_between(self, colour: Colour, bars: impl IntoIterator<Item = (Point, f64)>) -> Self {
        self.mark(colour, Shape::Bars(bars.into_iter().collect()))
    }

    pub(crate) fn upright(self, colour: Colour, x: f64) -> Self {
        self.mark(colour, Shape::Upright(x))
    }
}

/// Elements of two tensors in pairs.
fn points(x: &Tensor, y: &Tensor) -> Result<Vec<Point>> {
    let values = |tensor: &Tensor| -> Result<Vec<f64>> {
        let flat = tensor.f_detach().and_then(|t| t.f_to_kind(Kind::Double)).and_then(|t| t.f_flatten(0, -1));
        flat.and_then(|flat| Vec::try_from(&flat)).map_err(|error| Error::torch("plot", &error))
    };
    let (x, y) = (values(x)?, values(y)?);
    if x.len() != y.len() {
        let counts = format!("{} and {}", x.len(), y.len());
        return Err(Error::configuration("plot", counts, "as many values of y as of x"));
    }
    Ok(x.into_iter().zip(y).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(values: &[f64]) -> Tensor {
        Tensor::from_slice(values)
    }

    #[test]
    fn marks_stand_where_their_values_are() {
        let (x, y) = (plain(&[0.0, 0.5, 1.0]), plain(&[0.0, 1.0, 0.5]));
        let plot = Plot::new("", "").x_range(0.0, 1.0).y_range(0.0, 1.0).size(200.0, 100.0);
        let svg =
            plot.line(Colour::First, &x, &y).unwrap().points(Colour::Ink, &x, &y).unwrap().picture().svg();
        let line = svg.split("<polyline").nth(1).unwrap().split("points=\"").nth(1).unwrap();
        let at: Vec<(f64, f64)> = line
            .split('"')
            .next()
            .unwrap()
            .split(' ')
            .map(|point| {
                let (x, y) = point.split_once(',').unwrap();
                (x.parse().unwrap(), y.parse().unwrap())
            })
            .collect();
        let [(x0, bottom), (x1, top), (x2, middle)] = at[..] else { panic!("{at:?}") };
        assert!(
            x0 == 0.0 && top == 0.0 && (x1 - x2 / 2.0).abs() < 0.1 && (middle - bottom / 2.0).abs() < 0.1,
            "{at:?}"
        );
        assert_eq!(svg.matches("<circle").count(), 3);
    }

    #[test]
    fn what_is_no_number_is_a_gap_and_nothing_is_no_picture_of_nan() {
        let y = plain(&[0.0, 1.0, f64::NAN, 2.0, f64::INFINITY]);
        let x = plain(&[0.0, 1.0, 2.0, 3.0, 4.0]);
        let plot = Plot::new("a < b", "")
            .line(Colour::First, &x, &y)
            .unwrap()
            .band(Colour::Muted, &x, &y, &y)
            .unwrap();
        let svg = plot.bars(Colour::First, &x, 1.0, &y).unwrap().picture().svg();
        for absent in ["NaN", "inf", "a < b"] {
            assert!(!svg.contains(absent), "{absent} in {svg}");
        }
        assert_eq!(svg.matches("<polyline").count(), 2);
        for values in [&[] as &[f64], &[f64::NAN], &[3.0], &[1e300, -1e300], &[5e-324]] {
            let all = Plot::new("", "").points(Colour::Ink, &plain(values), &plain(values)).unwrap();
            let svg = all.picture().svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{values:?}: {svg}");
        }
        assert!(Plot::new("", "").line(Colour::First, &x, &plain(&[1.0])).is_err());
    }

    #[test]
    fn a_key_names_the_marks_that_have_a_name() {
        let x = plain(&[0.0, 1.0]);
        let plot = Plot::new("", "").line(Colour::First, &x, &x).unwrap().named("mean & more");
        let svg = plot.line(Colour::Second, &x, &x).unwrap().picture().svg();
        assert_eq!(svg.matches("mean &amp; more").count(), 1);
        assert_eq!(svg.matches("class=\"key\"").count(), 1);
    }
}
