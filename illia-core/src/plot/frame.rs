//! Axes with their numbers and names, the key, and the marks within the frame.

use std::fmt::Write;

use super::picture::{Picture, escaped};
use super::ticks::{self, is_drawn};
use super::{Mark, Plot, Point, Shape};

/// Between frame and edge, above and to the right: half a number of the axes.
const EDGE: f64 = 12.0;
/// A line of text.
const LINE: f64 = 20.0;
/// What a letter takes at the size of the numbers.
const LETTER: f64 = 6.8;
/// A line of a thousand points shows no less than one of more.
const MOST_POINTS: usize = 1000;

/// Where values come to lie: the frame in pixels, from its upper left corner, and what its ends mean.
struct Frame {
    width: f64,
    height: f64,
    x: Point,
    y: Point,
}

impl Frame {
    fn across(&self, x: f64) -> f64 {
        // Far outside is as good as further outside, and shorter to write.
        ((x - self.x.0) / (self.x.1 - self.x.0)).clamp(-2.0, 3.0) * self.width
    }

    fn down(&self, y: f64) -> f64 {
        (1.0 - (y - self.y.0) / (self.y.1 - self.y.0)).clamp(-2.0, 3.0) * self.height
    }
}

pub(super) fn draw(plot: &Plot) -> Picture {
    let (width, height) = plot.size;
    let (x_name, y_name) = &plot.names;
    let room = |name: &str| if name.is_empty() { 0.0 } else { LINE };
    let inner_height = (height - EDGE - LINE - room(x_name)).max(1.0);
    let x = plot.ranges.0.map_or_else(|| ticks::range(xs(&plot.marks)), ticks::with_an_extent);
    let count_y = (inner_height / 45.0).max(2.0);
    let y = match plot.ranges.1 {
        Some(range) => ticks::with_an_extent(range),
        None => ticks::rounded(ticks::range(ys(&plot.marks)), count_y),
    };
    let y_ticks = ticks::ticks(y, count_y);
    let y_labels: Vec<String> = y_ticks.iter().map(|&tick| ticks::label(tick, &y_ticks)).collect();
    let longest = y_labels.iter().map(String::len).max().unwrap_or_default() as f64;
    let left = room(y_name) + (longest * LETTER + 10.0).max(EDGE);
    let frame = Frame { width: (width - left - EDGE).max(1.0), height: inner_height, x, y };
    let x_ticks = plot.x_ticks.clone().unwrap_or_else(|| ticks::ticks(x, (frame.width / 65.0).max(2.0)));

    let mut svg = String::new();
    let top = key(&mut svg, plot, left, width) + EDGE;
    let bottom = top + frame.height;
    for (tick, label) in y_ticks.iter().zip(&y_labels) {
        let y = top + frame.down(*tick);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{left:.1}\" y1=\"{y:.1}\" x2=\"{:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            left + frame.width,
            left - 6.0,
            y + 4.0
        );
    }
    for tick in x_ticks.iter().filter(|tick| (x.0..=x.1).contains(*tick)) {
        let (x, label) = (left + frame.across(*tick), ticks::label(*tick, &x_ticks));
        let y = bottom + 16.0;
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{label}</text>");
    }
    let middle = (left + frame.width / 2.0, top + frame.height / 2.0);
    if !x_name.is_empty() {
        let (x, y, name) = (middle.0, bottom + 35.0, escaped(x_name));
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{name}</text>");
    }
    if !y_name.is_empty() {
        let (y, name) = (middle.1, escaped(y_name));
        let turned = format!("translate(12 {y:.1}) rotate(-90)");
        let _ = write!(svg, "<text text-anchor=\"middle\" transform=\"{turned}\">{name}</text>");
    }
    // An svg within an svg cuts off what lies outside of it.
    let (inner_width, inner_height) = (frame.width, frame.height);
    let _ = write!(
        svg,
        "<svg x=\"{left:.1}\" y=\"{top:.1}\" width=\"{inner_width:.1}\" height=\"{inner_height:.1}\">"
    );
    for mark in &plot.marks {
        draw_mark(&mut svg, &frame, mark);
    }
    svg.push_str("</svg>");
    Picture::new(width, bottom + LINE + room(x_name), svg)
}

fn xs(marks: &[Mark]) -> impl Iterator<Item = f64> {
    marks.iter().flat_map(|mark| match &mark.shape {
        Shape::Line(_, points) | Shape::Points(points) | Shape::Band(points, _) => {
            points.iter().map(|point| point.0).collect::<Vec<f64>>()
        }
        Shape::Bars(bars) => bars.iter().flat_map(|((left, right), _)| [*left, *right]).collect(),
        Shape::Upright(x) => vec![*x],
    })
}

fn ys(marks: &[Mark]) -> impl Iterator<Item = f64> {
    marks.iter().flat_map(|mark| match &mark.shape {
        Shape::Line(_, points) | Shape::Points(points) => {
            points.iter().map(|point| point.1).collect::<Vec<f64>>()
        }
        Shape::Band(low, high) => low.iter().chain(high).map(|point| point.1).collect(),
        Shape::Bars(bars) => bars.iter().map(|(_, height)| *height).chain([0.0]).collect(),
        Shape::Upright(_) => Vec::new(),
    })
}

/// The names of the marks above the frame, in as many lines as they need; how high that is.
fn key(svg: &mut String, plot: &Plot, left: f64, width: f64) -> f64 {
    let (mut x, mut y) = (left, 0.0);
    for mark in plot.marks.iter().filter(|mark| !mark.name.is_empty()) {
        let needed = 26.0 + mark.name.chars().count() as f64 * LETTER + 14.0;
        if y == 0.0 || x + needed > width {
            (x, y) = (left, y + LINE);
        }
        let (class, middle) = (mark.colour.class(), y - 8.0);
        let (to, low, high) = (x + 20.0, middle - 5.0, middle + 5.0);
        let stroke = |class: &str, style: &str| {
            format!(
                "<line class=\"{class} {style}\" x1=\"{x:.1}\" y1=\"{middle:.1}\" x2=\"{to:.1}\" y2=\"{middle:.1}\"/>"
            )
        };
        let block = |style: &str| {
            format!("<path class=\"{class} {style}\" d=\"M{x:.1} {low:.1}H{to:.1}V{high:.1}H{x:.1}Z\"/>")
        };
        let swatch = match &mark.shape {
            Shape::Line(style, _) => stroke(class, style),
            Shape::Upright(_) => stroke(class, "dashed"),
            Shape::Band(..) => block("band"),
            Shape::Bars(_) => block("bar"),
            Shape::Points(_) => {
                format!("<circle class=\"{class} point\" cx=\"{:.1}\" cy=\"{middle:.1}\" r=\"3\"/>", x + 10.0)
            }
        };
        let (at, name) = (x + 26.0, escaped(&mark.name));
        let _ = write!(
            svg,
            "<g class=\"key\">{swatch}<text x=\"{at:.1}\" y=\"{:.1}\">{name}</text></g>",
            middle + 4.0
        );
        x += needed;
    }
    y
}

fn draw_mark(svg: &mut String, frame: &Frame, Mark { shape, colour, .. }: &Mark) {
    let class = colour.class();
    match shape {
        Shape::Line(style, points) => {
            for part in parts(&thinned(points)) {
                let points = path(frame, part.iter());
                let _ = write!(svg, "<polyline class=\"{class} {style}\" points=\"{points}\"/>");
            }
        }
        Shape::Band(low, high) => {
            let both: Vec<(Point, Point)> = low.iter().copied().zip(high.iter().copied()).collect();
            for part in
                both.split(|(low, high)| !is_point(low) || !is_point(high)).filter(|part| !part.is_empty())
            {
                let there = path(frame, part.iter().map(|(low, _)| low));
                let back = path(frame, part.iter().rev().map(|(_, high)| high));
                let _ = write!(svg, "<polygon class=\"{class} band\" points=\"{there} {back}\"/>");
            }
        }
        Shape::Points(points) => {
            let radius = if frame.width < 300.0 { 1.6 } else { 3.0 };
            for (x, y) in points.iter().filter(|point| is_point(point)) {
                let (x, y) = (frame.across(*x), frame.down(*y));
                let _ = write!(
                    svg,
                    "<circle class=\"{class} point\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>"
                );
            }
        }
        Shape::Bars(bars) => {
            let drawn =
                |((left, right), height): &&(Point, f64)| [*left, *right, *height].into_iter().all(is_drawn);
            for ((left, right), height) in bars.iter().filter(drawn) {
                let (left, right) = (frame.across(*left), frame.across(*right));
                let (end, base) = (frame.down(*height), frame.down(0.0));
                let (width, height) = ((right - left - 1.0).max(0.5), (end - base).abs());
                let top = end.min(base);
                let _ = write!(
                    svg,
                    "<rect class=\"{class} bar\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
                );
            }
        }
        Shape::Upright(x) if is_drawn(*x) => {
            let (x, bottom) = (frame.across(*x), frame.height);
            let _ = write!(
                svg,
                "<line class=\"{class} dashed\" x1=\"{x:.1}\" y1=\"0\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>"
            );
        }
        Shape::Upright(_) => {}
    }
}

fn is_point(point: &Point) -> bool {
    is_drawn(point.0) && is_drawn(point.1)
}

/// Where a line has gaps, what lies between them.
fn parts(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    points.split(|point| !is_point(point)).filter(|part| !part.is_empty())
}

/// At most so many points, the last among them.
fn thinned(points: &[Point]) -> Vec<Point> {
    let step = points.len().div_ceil(MOST_POINTS).max(1);
    let last = points.last().filter(|_| !(points.len().wrapping_sub(1)).is_multiple_of(step));
    points.iter().step_by(step).chain(last).copied().collect()
}

fn path<'a>(frame: &Frame, points: impl Iterator<Item = &'a Point>) -> String {
    let at = |(x, y): &Point| format!("{:.1},{:.1}", frame.across(*x), frame.down(*y));
    points.map(at).collect::<Vec<String>>().join(" ")
}
