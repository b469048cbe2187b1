//! A small diagram as an SVG that follows the viewer's light or dark mode.

use std::fmt::Write;

use tch::{Kind, Tensor};

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 30.0;
const RIGHT: f64 = 232.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 178.0;
const STYLE: &str = "\
text{font:11px system-ui,sans-serif;fill:#59636e}.title{font-size:13px;font-weight:600;fill:#1d2430}\
.paper{fill:#fff}.grid{stroke:#e3e7ec}polyline{fill:none}polygon{fill:#1f5fa8}.outer{opacity:.14}.inner{opacity:.3}\
.mean{stroke:#1f5fa8;stroke-width:1.8}.draw{stroke:#1f5fa8;opacity:.6}.before{stroke:#8a94a0;stroke-width:1.3}\
.truth{stroke:#c2541b;stroke-width:1.3;stroke-dasharray:4 3}.point{fill:#1d2430;opacity:.65}\
@media(prefers-color-scheme:dark){text{fill:#98a2b0}.title{fill:#e6e9ee}.paper{fill:#14181e}.grid{stroke:#2b323c}\
polygon{fill:#6aa7ee}.mean,.draw{stroke:#6aa7ee}.truth{stroke:#ff9a62}.point{fill:#e6e9ee}}";

/// One diagram with its axes; marks lie over each other in the order in which they come. What they show is `[n, 1]` or `[n]`.
pub struct Panel {
    x: (f64, f64),
    y: (f64, f64),
    svg: String,
}

impl Panel {
    pub fn new(title: String, x: (f64, f64), y: (f64, f64)) -> Panel {
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\">\
             <style>{STYLE}</style><clipPath id=\"c\"><rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\"/></clipPath>\
             <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/><text class=\"title\" x=\"{LEFT}\" y=\"18\">{title}</text>",
            RIGHT - LEFT,
            BOTTOM - TOP
        );
        let mut panel = Panel { x, y, svg };
        for part in [0.0, 0.5, 1.0] {
            let (at_x, at_y) = (x.0 + part * (x.1 - x.0), y.0 + part * (y.1 - y.0));
            let (px, py) = panel.place(at_x, at_y);
            let _ = write!(
                panel.svg,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{py}\" y2=\"{py}\"/>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{at_y}</text>\
                 <text x=\"{px}\" y=\"{}\" text-anchor=\"middle\">{at_x}</text>",
                LEFT - 5.0,
                py + 4.0,
                BOTTOM + 15.0
            );
        }
        panel.svg.push_str("<g clip-path=\"url(#c)\">");
        panel
    }

    pub fn line(&mut self, class: &str, x: &Tensor, y: &Tensor) {
        let points = self.points_of(x, y).join(" ");
        let _ = write!(self.svg, "<polyline class=\"{class}\" points=\"{points}\"/>");
    }

    pub fn band(&mut self, class: &str, x: &Tensor, low: &Tensor, high: &Tensor) {
        let mut points = self.points_of(x, low);
        points.extend(self.points_of(x, high).into_iter().rev());
        let _ = write!(self.svg, "<polygon class=\"{class}\" points=\"{}\"/>", points.join(" "));
    }

    pub fn points(&mut self, x: &Tensor, y: &Tensor) {
        for (x, y) in values(x).into_iter().zip(values(y)) {
            let (x, y) = self.place(x, y);
            let _ = write!(self.svg, "<circle class=\"point\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"1.6\"/>");
        }
    }

    pub fn svg(&self) -> String {
        format!("{}</g></svg>\n", self.svg)
    }

    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let part = |value: f64, (from, to): (f64, f64)| (value - from) / (to - from);
        // Far outside is as good as further outside, and shorter to write.
        let y = part(y, self.y).clamp(-1.0, 2.0);
        (LEFT + part(x, self.x) * (RIGHT - LEFT), BOTTOM - y * (BOTTOM - TOP))
    }

    fn points_of(&self, x: &Tensor, y: &Tensor) -> Vec<String> {
        let at = |(x, y)| {
            let (x, y) = self.place(x, y);
            format!("{x:.1},{y:.1}")
        };
        values(x).into_iter().zip(values(y)).map(at).collect()
    }
}

fn values(t: &Tensor) -> Vec<f64> {
    Vec::try_from(t.to_kind(Kind::Double).flatten(0, -1)).unwrap_or_default()
}
