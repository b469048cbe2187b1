//! A picture: SVG of a size, alone or with others in rows and columns.

use std::fmt::Write;
use std::path::Path;

use tch::Tensor;

use super::bitmap;
use crate::error::{Error, Result};
use crate::files;

/// Around a picture that stands alone.
const MARGIN: f64 = 16.0;
/// Between pictures.
const GAP: f64 = 20.0;
const TITLE: f64 = 22.0;
const LINE: f64 = 17.0;

/// Shades for light and for dark: what a page needs that holds pictures.
pub(crate) const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#59636e}text.title{font-size:15px;font-weight:600;fill:#1d2430}text.strong{fill:#1d2430}\
.paper{fill:#fff}.grid{stroke:#e3e7ec}.card{fill:#f3f5f8;stroke:#c8cfd8}.outline{fill:#fff;stroke:#c8cfd8}.first.card{fill:#dde9f6}\
.first{fill:#1f5fa8;stroke:#1f5fa8}.second{fill:#d67020;stroke:#d67020}.muted{fill:#8a94a0;stroke:#8a94a0}.ink{fill:#1d2430;stroke:#1d2430}\
@media(prefers-color-scheme:dark){text{fill:#98a2b0}text.title,text.strong{fill:#e6e9ee}\
.paper{fill:#14181e}.grid{stroke:#2b323c}.card{fill:#1f262f;stroke:#465160}.outline{fill:#14181e;stroke:#465160}.first.card{fill:#1c3350}\
.first{fill:#6aa7ee;stroke:#6aa7ee}.second{fill:#f0a060;stroke:#f0a060}.ink{fill:#e6e9ee;stroke:#e6e9ee}}\
.line,.thin,.dashed{fill:none;stroke-width:1.8;stroke-linejoin:round}.thin{stroke-width:1;opacity:.6}.dashed{stroke-width:1.4;stroke-dasharray:5 4}\
.band{stroke:none;opacity:.2}.bar,.point{stroke:none}.point{opacity:.75}.muted.bar,.ink.bar{opacity:.45}image{image-rendering:pixelated}";

/// A drawing of a size in pixels.
#[derive(Debug, Clone)]
pub struct Picture {
    width: f64,
    height: f64,
    body: String,
}

impl Picture {
    pub(crate) fn new(width: f64, height: f64, body: String) -> Self {
        Picture { width, height, body }
    }

    /// An image, `[height, width]` or `[3, height, width]` with values from 0 (black) to 1, so many pixels wide.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape, or sides of more than 4096.
    pub fn image(pixels: &Tensor, width: f64) -> Result<Self> {
        let source = bitmap::data_uri(pixels)?;
        let side =
            |from_behind: usize| pixels.size().iter().rev().nth(from_behind).map_or(1.0, |&n| n as f64);
        let height = width * side(1) / side(0);
        let body = format!("<image width=\"{width}\" height=\"{height}\" href=\"{source}\"/>");
        Ok(Picture { width, height, body })
    }

    /// Pictures beside each other.
    pub fn row(pictures: impl IntoIterator<Item = Picture>) -> Self {
        let mut row = Picture::new(0.0, 0.0, String::new());
        for picture in pictures {
            let left = if row.width > 0.0 { row.width + GAP } else { 0.0 };
            row.put((left, 0.0), &picture);
        }
        row
    }

    /// Pictures below each other.
    pub fn column(pictures: impl IntoIterator<Item = Picture>) -> Self {
        let mut column = Picture::new(0.0, 0.0, String::new());
        for picture in pictures {
            let top = if column.height > 0.0 { column.height + GAP } else { 0.0 };
            column.put((0.0, top), &picture);
        }
        column
    }

    /// The same with a title and a text of any number of lines above it, either of which may be empty.
    #[must_use]
    pub fn titled(&self, title: &str, text: &str) -> Self {
        let mut titled = Picture::new(self.width, 0.0, String::new());
        if !title.is_empty() {
            titled.height = TITLE;
            let _ = write!(titled.body, "<text class=\"title\" y=\"15\">{}</text>", escaped(title));
        }
        for line in text.lines() {
            let _ = write!(titled.body, "<text y=\"{}\">{}</text>", titled.height + 12.0, escaped(line));
            titled.height += LINE;
        }
        titled.put((0.0, titled.height), self);
        titled
    }

    /// In pixels, without a margin.
    pub(crate) fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// It within a larger one, its upper left corner there.
    pub(crate) fn at(&self, left: f64, top: f64) -> String {
        format!("<g transform=\"translate({left:.1} {top:.1})\">{}</g>", self.body)
    }

    fn put(&mut self, (left, top): (f64, f64), picture: &Picture) {
        self.body.push_str(&picture.at(left, top));
        self.width = self.width.max(left + picture.width);
        self.height = self.height.max(top + picture.height);
    }

    /// A whole SVG file, which follows the viewer's light or dark mode.
    pub fn svg(&self) -> String {
        let (width, height) = (self.width + 2.0 * MARGIN, self.height + 2.0 * MARGIN);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\">\
             <style>{STYLE}</style><rect class=\"paper\" width=\"100%\" height=\"100%\"/>\
             <g transform=\"translate({MARGIN} {MARGIN})\">{}</g></svg>\n",
            self.body
        )
    }

    /// It within a page that has [`STYLE`].
    #[cfg(feature = "report")]
    pub(crate) fn within_page(&self) -> String {
        format!("<svg viewBox=\"0 0 {:.0} {:.0}\" role=\"img\">{}</svg>", self.width, self.height, self.body)
    }

    /// Writes the SVG file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be written; what was there before is then still there.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        files::write_whole(path, |at| std::fs::write(at, self.svg()).map_err(|error| Error::io(path, error)))
    }
}

/// Text as SVG and HTML show it.
pub(crate) fn escaped(text: &str) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::files::scratch::Scratch;

    #[test]
    fn rows_and_columns_are_as_large_as_what_is_in_them() {
        let of = |width, height| Picture::new(width, height, String::new());
        let row = Picture::row([of(100.0, 50.0), of(30.0, 80.0)]);
        assert_eq!((row.width, row.height), (130.0 + GAP, 80.0));
        let column = Picture::column([row, of(10.0, 10.0)]).titled("a", "b\nc");
        assert_eq!((column.width, column.height), (130.0 + GAP, 90.0 + GAP + TITLE + 2.0 * LINE));
        let image = Picture::image(&Tensor::ones([3, 4, 8], (Kind::Float, Device::Cpu)), 40.0).unwrap();
        assert_eq!((image.width, image.height), (40.0, 20.0));
        assert!(Picture::image(&Tensor::from(1.0), 40.0).is_err());
    }

    #[test]
    fn a_file_is_written_whole_and_has_all_it_needs() {
        let folder = Scratch::new();
        let picture = Picture::new(10.0, 10.0, String::new()).titled("a <b>", "c & d");
        picture.write(folder.join("p.svg")).unwrap();
        let text = std::fs::read_to_string(folder.join("p.svg")).unwrap();
        assert_eq!(text, picture.svg());
        assert!(
            text.contains("a &lt;b&gt;")
                && text.contains("prefers-color-scheme")
                && text.ends_with("</svg>\n")
        );
        assert!(picture.write(folder.join("no/p.svg")).is_err());
    }
}
