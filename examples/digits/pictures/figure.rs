//! A picture as a list of shapes, which is drawn twice: as SVG and, supersampled, as PNG.

use std::path::{Path, PathBuf};

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::Failure;

/// Which end of a text its position is: the left one, the middle, the right one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Anchor {
    Left,
    Middle,
    Right,
}

/// What a text looks like; `size` in pixels.
#[derive(Debug, Clone, Copy)]
pub struct Font {
    pub size: f64,
    pub bold: bool,
    pub colour: RGBColor,
}

#[derive(Debug, Clone)]
enum Shape {
    Line { points: Vec<(f64, f64)>, colour: RGBAColor, width: f64 },
    Area { points: Vec<(f64, f64)>, colour: RGBAColor },
    Disc { centre: (f64, f64), radius: f64, colour: RGBAColor },
    Text { at: (f64, f64), text: String, font: Font, anchor: Anchor, upright: bool },
}

/// A picture of a size in pixels, the origin in its upper left corner.
#[derive(Debug, Clone)]
pub struct Figure {
    pub width: f64,
    pub height: f64,
    shapes: Vec<Shape>,
}

/// How many pixels an SVG's unit is divided into: the backend rounds to whole numbers.
const SVG_SCALE: f64 = 8.0;
/// PNGs have twice the pixels for sharp screens, each the mean of 2 by 2: the backend's own lines have jagged edges.
const PNG_DENSITY: usize = 2;
const PNG_SUPERSAMPLING: usize = 2;
/// By how much of its size the PNG backend sets a text too high.
const PNG_TEXT_DROP: f64 = 0.13;

impl Figure {
    pub fn new(width: f64, height: f64) -> Self {
        Figure { width, height, shapes: Vec::new() }
    }

    pub fn line(&mut self, points: &[(f64, f64)], colour: impl Into<RGBAColor>, width: f64) {
        self.shapes.push(Shape::Line { points: points.to_vec(), colour: colour.into(), width });
    }

    /// A line of dashes, each as long as the gap after it.
    pub fn dashes(&mut self, from: (f64, f64), to: (f64, f64), colour: impl Into<RGBAColor>, width: f64) {
        let colour = colour.into();
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let count = ((dx.hypot(dy) / 8.0).round() as usize).max(1);
        let at = |part: f64| (from.0 + dx * part, from.1 + dy * part);
        for i in 0..count {
            let start = i as f64 / count as f64;
            self.line(&[at(start), at(start + 0.5 / count as f64)], colour, width);
        }
    }

    pub fn area(&mut self, points: &[(f64, f64)], colour: impl Into<RGBAColor>) {
        self.shapes.push(Shape::Area { points: points.to_vec(), colour: colour.into() });
    }

    pub fn rectangle(&mut self, from: (f64, f64), to: (f64, f64), colour: impl Into<RGBAColor>) {
        self.area(&[from, (to.0, from.1), to, (from.0, to.1)], colour);
    }

    pub fn disc(&mut self, centre: (f64, f64), radius: f64, colour: impl Into<RGBAColor>) {
        self.shapes.push(Shape::Disc { centre, radius, colour: colour.into() });
    }

    /// A line of text, its middle line at `at.1`.
    pub fn text(&mut self, at: (f64, f64), text: impl ToString, font: Font, anchor: Anchor) {
        self.shapes.push(Shape::Text { at, text: text.to_string(), font, anchor, upright: false });
    }

    /// Text that reads upwards, its middle at `at`.
    pub fn upright_text(&mut self, at: (f64, f64), text: impl ToString, font: Font) {
        let anchor = Anchor::Middle;
        self.shapes.push(Shape::Text { at, text: text.to_string(), font, anchor, upright: true });
    }

    /// Puts another figure into this one, its upper left corner at `at`.
    pub fn place(&mut self, other: &Figure, at: (f64, f64)) {
        let moved = |p: &mut (f64, f64)| *p = (p.0 + at.0, p.1 + at.1);
        for shape in &other.shapes {
            let mut shape = shape.clone();
            match &mut shape {
                Shape::Line { points, .. } | Shape::Area { points, .. } => points.iter_mut().for_each(moved),
                Shape::Disc { centre, .. } => moved(centre),
                Shape::Text { at, .. } => moved(at),
            }
            self.shapes.push(shape);
        }
    }

    /// Writes `name.svg` and `name.png` into the folder, each whole or not at all; returns their paths.
    pub fn save(&self, folder: &Path, name: &str) -> Result<Vec<PathBuf>, Failure> {
        register_fonts();
        let svg = folder.join(format!("{name}.svg"));
        let part = folder.join(format!(".{name}.part.svg"));
        std::fs::write(&part, self.svg()?).map_err(|e| format!("{}: {e}", part.display()))?;
        std::fs::rename(&part, &svg)?;
        let png = folder.join(format!("{name}.png"));
        let part = folder.join(format!(".{name}.part.png"));
        self.write_png(&part)?;
        std::fs::rename(&part, &png)?;
        Ok(vec![svg, png])
    }

    fn svg(&self) -> Result<String, Failure> {
        let size = (scaled(self.width, SVG_SCALE) as u32, scaled(self.height, SVG_SCALE) as u32);
        let mut text = String::new();
        self.draw(&SVGBackend::with_string(&mut text, size).into_drawing_area(), SVG_SCALE, 0.0)?;
        let large = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
        let true_size = format!("width=\"{}\" height=\"{}\"", self.width, self.height);
        Ok(text.replacen(&large, &true_size, 1))
    }

    fn write_png(&self, path: &Path) -> Result<(), Failure> {
        let fine = PNG_DENSITY * PNG_SUPERSAMPLING;
        let (width, height) =
            (self.width.ceil() as usize * PNG_DENSITY, self.height.ceil() as usize * PNG_DENSITY);
        let fine_width = width * PNG_SUPERSAMPLING;
        let size = (fine_width as u32, (height * PNG_SUPERSAMPLING) as u32);
        let mut pixels = vec![0u8; fine_width * height * PNG_SUPERSAMPLING * 3];
        self.draw(
            &BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area(),
            fine as f64,
            PNG_TEXT_DROP,
        )?;
        let mut coarse = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            for x in 0..width {
                for channel in 0..3 {
                    let at = |i: usize| {
                        let (dy, dx) = (i / PNG_SUPERSAMPLING, i % PNG_SUPERSAMPLING);
                        let row = (y * PNG_SUPERSAMPLING + dy) * fine_width;
                        u32::from(pixels[(row + x * PNG_SUPERSAMPLING + dx) * 3 + channel])
                    };
                    let count = PNG_SUPERSAMPLING * PNG_SUPERSAMPLING;
                    coarse.push(((0..count).map(at).sum::<u32>() / count as u32) as u8);
                }
            }
        }
        let area = BitMapBackend::new(path, (width as u32, height as u32)).into_drawing_area();
        let image = BitMapElement::with_owned_buffer((0, 0), (width as u32, height as u32), coarse)
            .ok_or("a picture's pixels don't match its size")?;
        area.draw(&image).map_err(|e| e.to_string())?;
        area.present().map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(())
    }

    fn draw<B: DrawingBackend>(
        &self,
        area: &DrawingArea<B, Shift>,
        scale: f64,
        text_drop: f64,
    ) -> Result<(), Failure> {
        let failed = |e: DrawingAreaErrorKind<B::ErrorType>| e.to_string();
        area.fill(&WHITE).map_err(failed)?;
        let point = |p: &(f64, f64)| (scaled(p.0, scale), scaled(p.1, scale));
        for shape in &self.shapes {
            match shape {
                Shape::Line { points, colour, width } => {
                    let style = colour.stroke_width(scaled(*width, scale).max(1) as u32);
                    let points: Vec<_> = points.iter().map(point).collect();
                    area.draw(&PathElement::new(points, style)).map_err(failed)?;
                }
                Shape::Area { points, colour } => {
                    let points: Vec<_> = points.iter().map(point).collect();
                    area.draw(&Polygon::new(points, colour.filled())).map_err(failed)?;
                }
                Shape::Disc { centre, radius, colour } => {
                    let disc = Circle::new(point(centre), scaled(*radius, scale), colour.filled());
                    area.draw(&disc).map_err(failed)?;
                }
                Shape::Text { at, text, font, anchor, upright } => {
                    let horizontal = match anchor {
                        Anchor::Left => HPos::Left,
                        Anchor::Middle => HPos::Center,
                        Anchor::Right => HPos::Right,
                    };
                    let style = if font.bold { FontStyle::Bold } else { FontStyle::Normal };
                    let transform = if *upright { FontTransform::Rotate270 } else { FontTransform::None };
                    let style = FontDesc::new(FontFamily::SansSerif, font.size * scale, style)
                        .transform(transform)
                        .into_text_style(area)
                        .color(&font.colour)
                        .pos(Pos::new(horizontal, VPos::Center));
                    let drop = font.size * text_drop;
                    let at = if *upright { (at.0 + drop, at.1) } else { (at.0, at.1 + drop) };
                    area.draw(&Text::new(text.clone(), point(&at), style)).map_err(failed)?;
                }
            }
        }
        area.present().map_err(failed)?;
        Ok(())
    }
}

fn scaled(length: f64, scale: f64) -> i32 {
    (length * scale).round() as i32
}

/// Registering a second time does no harm.
fn register_fonts() {
    let regular = include_bytes!("../font/Inter-Regular.otf");
    let bold = include_bytes!("../font/Inter-SemiBold.otf");
    let registered = register_font("sans-serif", FontStyle::Normal, regular)
        .and_then(|()| register_font("sans-serif", FontStyle::Bold, bold));
    assert!(registered.is_ok(), "the embedded fonts can be read");
}
