//! A report on a model's uncertainty as one HTML file: no network, no script, light and dark.

use std::fmt::Write;
use std::path::Path;

use tch::Tensor;

use crate::assess::Calibration;
use crate::assess::figures;
use crate::assess::metrics::{Reliability, RiskCoverage};
use crate::error::{Error, Result};
use crate::plot::{self, Picture, escaped};

/// A report under construction; sections appear in the order in which they are added.
///
/// ```
/// use illia_core::metrics::{reliability, risk_coverage};
/// use illia_core::report::Report;
/// use tch::Tensor;
///
/// let p = Tensor::from_slice(&[0.9, 0.1, 0.4, 0.6]).reshape([2, 2]);
/// let labels = Tensor::from_slice(&[0i64, 0]);
/// let html = Report::new("Two examples")
///     .metric("accuracy", "50 %")
///     .reliability(&reliability(&p, &labels, 15)?)
///     .risk_coverage(&risk_coverage(&Tensor::from_slice(&[0.1, 0.4]), &Tensor::from_slice(&[0.0, 1.0]))?)
///     .html();
/// assert!(html.contains("Two examples") && !html.contains("http://") && !html.contains("<script"));
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Report {
    title: String,
    metrics: Vec<(String, String)>,
    sections: Vec<String>,
    examples: Vec<String>,
}

impl Report {
    /// An empty report.
    pub fn new(title: &str) -> Self {
        Report { title: title.to_owned(), ..Report::default() }
    }

    /// A line of the table of metrics, the value as it should appear.
    #[must_use]
    pub fn metric(mut self, name: &str, value: &str) -> Self {
        self.metrics.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A reliability diagram: the share that came true in each bin of confidence, and how many examples were in it.
    #[must_use]
    pub fn reliability(self, diagram: &Reliability) -> Self {
        let (low, high) = diagram.ece_by_chance();
        let caption = format!(
            "Share of right answers against confidence; the narrow bars are the share of the examples in each bin, the \
             dashed line is perfect calibration. Expected calibration error {:.4}, where chance alone gives {low:.4} to \
             {high:.4}; maximum {:.4}.",
            diagram.ece(),
            diagram.mce()
        );
        self.picture("Reliability", &diagram.plot(), &caption)
    }

    /// What a calibration check found: its sentence, and for numbers how often intervals hold their target and where targets lie,
    /// for classes the reliability diagram.
    #[must_use]
    pub fn calibration(mut self, check: &Calibration) -> Self {
        self = self.metric("calibration", &check.verdict());
        if let Some(shift) = &check.shift {
            for (kind, by) in [("all", shift.total), ("epistemic", shift.epistemic)] {
                let value = format!("in {:.1} % of pairs, p = {:.2e}", 100.0 * by.auroc, by.p_value);
                self = self.metric(&format!("more uncertainty ({kind}) in the second set"), &value);
            }
        }
        if let Some(diagram) = &check.reliability {
            self = self.reliability(diagram);
        }
        if !check.coverage.is_empty() {
            let caption = "Share of the targets within central intervals, against their level; the dashed line is perfect \
                           calibration, the short lines what chance leaves of it.";
            self = self.picture("Coverage", &figures::coverage(&check.coverage), caption);
        }
        if let Some(pit) = &check.pit {
            let caption = format!(
                "Where targets lie in what was predicted: flat, between the dashed lines, if the predictions are right; a \
                 bowl if they are too sure, a hill if too unsure, a slope if they are off to one side. An even spread has \
                 p = {:.2e}.",
                pit.p_value
            );
            self = self.picture("Probability integral transform", &pit.plot(), &caption);
        }
        self
    }

    /// A picture under a heading, with what is to be said of it.
    #[must_use]
    pub fn picture(mut self, title: &str, picture: &Picture, caption: &str) -> Self {
        let (title, caption) = (escaped(title), escaped(caption));
        let drawn = picture.within_page();
        let width = if picture.size().0 > COLUMN { " class=\"wide\"" } else { "" };
        self.sections.push(format!(
            "<section{width}><h2>{title}</h2><figure>{drawn}<figcaption>{caption}</figcaption></figure></section>"
        ));
        self
    }

    /// A risk-coverage curve.
    #[must_use]
    pub fn risk_coverage(self, curve: &RiskCoverage) -> Self {
        let caption = format!(
            "Mean loss of the examples that are kept when the least certain are left out. Area under the curve {:.4}.",
            curve.area()
        );
        self.picture("Risk and coverage", &curve.plot(), &caption)
    }

    /// Histograms of an uncertainty on examples from inside and from outside of the training distribution, of any shapes.
    ///
    /// # Errors
    /// [`Error::Configuration`] for empty scores, NaN or infinity.
    pub fn histogram(self, name: &str, inside: &Tensor, outside: &Tensor) -> Result<Self> {
        let inside = crate::assess::metrics::finite("inside", inside)?;
        let outside = crate::assess::metrics::finite("outside", outside)?;
        let caption = "Share of the examples in each bin: in distribution (filled) and out of it (outlined).";
        Ok(self.picture(name, &figures::histogram(&inside, &outside), caption))
    }

    /// An example as a picture, `[height, width]` or `[3, height, width]` with values from 0 (black) to 1, and what is to
    /// be said of it.
    ///
    /// # Errors
    /// [`Error::Shape`] for another shape, or sides of more than 4096 pixels.
    pub fn example(mut self, pixels: &Tensor, caption: &str) -> Result<Self> {
        let source = plot::data_uri(pixels)?;
        let caption = escaped(caption);
        self.examples.push(format!(
            "<figure class=\"example\"><img alt=\"\" src=\"{source}\"><figcaption>{caption}</figcaption></figure>"
        ));
        Ok(self)
    }

    /// The whole document.
    pub fn html(&self) -> String {
        let title = escaped(&self.title);
        let mut body = String::new();
        if !self.metrics.is_empty() {
            body.push_str("<section><h2>Metrics</h2><table>");
            for (name, value) in &self.metrics {
                let _ = write!(
                    body,
                    "<tr><th scope=\"row\">{}</th><td>{}</td></tr>",
                    escaped(name),
                    escaped(value)
                );
            }
            body.push_str("</table></section>");
        }
        body.extend(self.sections.iter().map(String::as_str));
        if !self.examples.is_empty() {
            body.push_str("<section class=\"wide\"><h2>Most uncertain examples</h2><div class=\"examples\">");
            body.extend(self.examples.iter().map(String::as_str));
            body.push_str("</div></section>");
        }
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title}</title><style>{STYLE}{}</style></head>\n\
             <body><h1>{title}</h1><main>{body}</main></body></html>\n",
            plot::STYLE
        )
    }

    /// Writes the document, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be written; what was there before is then still there.
    pub fn write(&self, path: &Path) -> Result<()> {
        crate::files::write_whole(path, |temporary| {
            std::fs::write(temporary, self.html()).map_err(|error| Error::io(path, error))
        })
    }
}

/// What is wider than this many pixels goes over both columns.
const COLUMN: f64 = 500.0;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1d2430;--muted:#667080;--line:#d8dde4;--paper:#fff;--card:#f6f8fa}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--muted:#98a2b0;--line:#39414d;--paper:#14181e;--card:#1c222b}}\
body{margin:0 auto;max-width:1000px;padding:24px;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}\
h1{font-size:24px;margin:0 0 16px}h2{font-size:16px;margin:0 0 10px}\
main{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));gap:16px}\
section{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px}.wide{grid-column:1/-1}\
table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:400;color:var(--muted)}\
td{text-align:right;font-variant-numeric:tabular-nums}th,td{padding:4px 0;border-bottom:1px solid var(--line)}\
figure{margin:0}figcaption{color:var(--muted);font-size:13px;margin-top:8px}\
figure>svg{width:100%;height:auto;display:block}\
.examples{display:flex;flex-wrap:wrap;gap:14px}.example{width:112px}\
.example img{width:112px;image-rendering:pixelated;border:1px solid var(--line);display:block}";

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;
    use crate::assess::metrics::{reliability, risk_coverage};
    use crate::files::scratch::Scratch;
    use crate::likelihood::{Categorical, Gaussian};
    use crate::predict::Prediction;

    fn whole() -> Report {
        let score = Tensor::linspace(0.05, 0.95, 40, (Kind::Double, Device::Cpu));
        let p = Tensor::stack(&[&score, &(1.0 - &score)], 1);
        let labels = score.lt(0.4).to_kind(Kind::Int64);
        let pixels = score.narrow(0, 0, 12).reshape([3, 4]);
        Report::new("<b>A & \"B\"")
            .metric("<i>", "1 < 2")
            .reliability(&reliability(&p, &labels, 15).unwrap())
            .risk_coverage(&risk_coverage(&score, &score).unwrap())
            .histogram("Mutual information", &score, &(&score + 0.5))
            .unwrap()
            .example(&pixels, "a </figure> 7")
            .unwrap()
    }

    #[test]
    fn it_needs_nothing_from_outside_and_escapes_what_it_is_given() {
        let html = whole().html();
        for absent in ["http", "<script", "<b>", "<i>", "</figure> 7", "NaN", "\"inf", ",inf", ">inf"] {
            assert!(!html.contains(absent), "{absent}");
        }
        for present in
            ["&lt;b&gt;A &amp; &quot;B&quot;", "1 &lt; 2", "prefers-color-scheme", "data:image/bmp;base64,"]
        {
            assert!(html.contains(present), "{present}");
        }
        for tag in ["section", "figure", "svg", "table"] {
            let count = |text: &str| html.matches(text).count();
            assert_eq!(count(&format!("<{tag}")), count(&format!("</{tag}>")), "{tag}");
        }
    }

    #[test]
    fn a_check_of_numbers_and_one_of_classes() {
        let y = Tensor::linspace(-1.0, 1.0, 60, (Kind::Double, Device::Cpu)).unsqueeze(1);
        let prediction = |outputs: &Tensor| Prediction::from_outputs(outputs.unsqueeze(0)).unwrap();
        let noise = Gaussian::fixed(0.5).unwrap();
        let check = Calibration::of(&prediction(&y.zeros_like()), &noise, &y).unwrap();
        let check = check.against(&prediction(&y), &noise).unwrap();
        let html = Report::new("").calibration(&check).html();
        for present in
            ["Coverage", "Probability integral transform", "more uncertainty (epistemic)", &check.verdict()]
        {
            assert!(html.contains(present), "{present}");
        }
        assert!(!html.contains("NaN") && !html.contains("Reliability"));
        let labels = y.squeeze_dim(1).gt(0.0).to_kind(Kind::Int64);
        let of_classes =
            Calibration::of(&prediction(&Tensor::cat(&[-&y, y], 1)), &Categorical, &labels).unwrap();
        let html = Report::new("").calibration(&of_classes).html();
        assert!(
            html.contains("Reliability")
                && html.contains("where chance alone gives")
                && !html.contains("Coverage")
        );
    }

    #[test]
    fn scores_that_are_all_equal_and_nan_are_no_panic() {
        let same = Tensor::full([5], 0.25, (Kind::Double, Device::Cpu));
        let html = Report::new("").histogram("flat", &same, &same).unwrap().html();
        assert!(!html.contains("NaN"));
        assert!(Report::new("").histogram("nan", &(&same * f64::NAN), &same).is_err());
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = Scratch::new();
        let path = folder.join("report.html");
        whole().write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), whole().html());
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        assert!(whole().write(&folder.join("absent").join("report.html")).is_err());
    }
}
