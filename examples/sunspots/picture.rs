//! The forecasts as an SVG that follows the viewer's light or dark mode.

use std::fmt::Write;

use tch::Tensor;

use crate::Forecasts;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 884.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 340.0;
const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#59636e}.title{font-size:17px;font-weight:600;fill:#1d2430}\
.paper{fill:#fff}.grid{stroke:#e3e7ec}.band{fill:#1f5fa8;opacity:.22}.middle{fill:none;stroke:#1f5fa8;stroke-width:1.8}\
.before{fill:none;stroke:#8a94a0;stroke-width:1.3}.in{fill:#1d2430}.out{fill:#d6402a}\
@media(prefers-color-scheme:dark){text{fill:#98a2b0}.title{fill:#e6e9ee}.paper{fill:#14181e}.grid{stroke:#2b323c}\
.band{fill:#6aa7ee}.middle{stroke:#6aa7ee}.in{fill:#e6e9ee}.out{fill:#ff7a66}}";

/// The last fifty years of training, the intervals and medians of the held-out years, and what came.
pub fn draw(rows: &[(i64, f64)], forecasts: &Forecasts) -> String {
    let values = |t: &Tensor| Vec::<f64>::try_from(t).unwrap_or_default();
    let (low, middle, high) = (values(&forecasts.low), values(&forecasts.middle), values(&forecasts.high));
    let came = values(&forecasts.came);
    let first = forecasts.years[0];
    let (start, end) = (first - 50, forecasts.years[forecasts.years.len() - 1]);
    let top = (high.iter().copied().fold(0.0, f64::max) / 50.0).ceil() * 50.0;
    let x = |year: i64| LEFT + (year - start) as f64 / (end - start) as f64 * (RIGHT - LEFT);
    let y = |spots: f64| BOTTOM - spots / top * (BOTTOM - TOP);
    let at = |year: i64, spots: f64| format!("{:.1},{:.1}", x(year), y(spots));

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\"><style>{STYLE}</style>\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\
         <text class=\"title\" x=\"20\" y=\"26\">Sunspots a year ahead</text>\
         <text x=\"20\" y=\"46\">line: median forecast; band: 90 % interval; points: what came, red outside of the band; \
         grey: the end of the years trained on</text>"
    );
    for tick in 0..=(top / 50.0) as i64 {
        let spots = 50.0 * tick as f64;
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>\
             <text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{spots}</text>",
            y(spots),
            LEFT - 8.0,
            y(spots) + 4.0
        );
    }
    for year in (start..=end).filter(|year| year % 10 == 0) {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{year}</text>",
            x(year),
            BOTTOM + 20.0
        );
    }
    let line = |class: &str, points: Vec<String>| {
        format!("<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "))
    };
    let before = rows.iter().filter(|(year, _)| (start..first).contains(year));
    svg.push_str(&line("before", before.map(|&(year, spots)| at(year, spots)).collect()));
    let years = || forecasts.years.iter().copied();
    let mut band: Vec<String> = years().zip(&high).map(|(year, &spots)| at(year, spots)).collect();
    band.extend(years().zip(&low).rev().map(|(year, &spots)| at(year, spots)));
    let _ = write!(svg, "<polygon class=\"band\" points=\"{}\"/>", band.join(" "));
    svg.push_str(&line("middle", years().zip(&middle).map(|(year, &spots)| at(year, spots)).collect()));
    for (i, (year, &spots)) in years().zip(&came).enumerate() {
        let class = if low[i] <= spots && spots <= high[i] { "in" } else { "out" };
        let _ =
            write!(svg, "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>", x(year), y(spots));
    }
    svg.push_str("</svg>\n");
    svg
}
