//! The accuracies as an SVG that follows the viewer's light or dark mode.

use std::fmt::Write;

use crate::{Outcome, mean_and_error};

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 48.0;
const RIGHT: f64 = 470.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 336.0;
/// A colour for each way in light and dark, in their order.
const COLOURS: [(&str, &str); 7] = [
    ("#8a94a0", "#98a2b0"),
    ("#1f5fa8", "#6aa7ee"),
    ("#2a8a57", "#58c48b"),
    ("#c2541b", "#ff9a62"),
    ("#7a4bb5", "#b993ee"),
    ("#a8841f", "#e0bd58"),
    ("#1d2430", "#e6e9ee"),
];

/// Lines of the accuracy on the tasks so far, with a bar of one standard error.
pub fn draw(title: &str, outcomes: &[Outcome]) -> String {
    let lines: Vec<Vec<(f64, f64)>> =
        outcomes.iter().map(|outcome| mean_and_error(&outcome.so_far)).collect();
    let least = lines.iter().flatten().map(|(mean, error)| mean - error).fold(100.0, f64::min);
    let bottom = (least / 10.0).floor() * 10.0;
    let tasks = lines.iter().map(Vec::len).max().unwrap_or(1);
    let x = |task: usize| LEFT + 14.0 + task as f64 / (tasks.max(2) - 1) as f64 * (RIGHT - LEFT - 28.0);
    let y = |accuracy: f64| BOTTOM - (accuracy - bottom) / (100.0 - bottom) * (BOTTOM - TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\"><style>{}</style>\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/><text class=\"title\" x=\"20\" y=\"26\">{title}</text>\
         <text x=\"20\" y=\"46\">accuracy on the tasks so far, %, and a standard error over the seeds</text>",
        style()
    );
    let step = if 100.0 - bottom > 50.0 { 20.0 } else { 10.0 };
    for tick in 0..=((100.0 - bottom) / step) as i64 {
        let accuracy = 100.0 - step * tick as f64;
        let at = y(accuracy);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{accuracy}</text>",
            LEFT - 8.0,
            at + 4.0
        );
    }
    for task in 0..tasks {
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            x(task),
            BOTTOM + 20.0,
            task + 1
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">tasks learnt</text>",
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 38.0
    );
    for (number, (line, outcome)) in lines.iter().zip(outcomes).enumerate() {
        let class = format!("c{}", number % COLOURS.len());
        let points: Vec<String> = line
            .iter()
            .enumerate()
            .map(|(task, (mean, _))| format!("{:.1},{:.1}", x(task), y(*mean)))
            .collect();
        let _ = write!(svg, "<polyline class=\"{class}\" points=\"{}\"/>", points.join(" "));
        for (task, (mean, error)) in line.iter().enumerate() {
            let _ = write!(
                svg,
                "<line class=\"{class}\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1:.1}\" y2=\"{2:.1}\"/>",
                x(task),
                y(mean - error),
                y((mean + error).min(100.0))
            );
        }
        let at = TOP + 12.0 + 24.0 * number as f64;
        let _ = write!(
            svg,
            "<polyline class=\"{class}\" points=\"{},{at} {},{at}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            RIGHT + 14.0,
            RIGHT + 38.0,
            RIGHT + 46.0,
            at + 4.0,
            outcome.way.title
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn style() -> String {
    let of = |pick: fn(&(&'static str, &'static str)) -> &'static str| {
        let each = COLOURS
            .iter()
            .enumerate()
            .map(|(number, colours)| format!(".c{number}{{stroke:{}}}", pick(colours)));
        each.collect::<String>()
    };
    format!(
        "text{{font:13px system-ui,sans-serif;fill:#59636e}}.title{{font-size:17px;font-weight:600;fill:#1d2430}}.paper{{fill:#fff}}\
         .grid{{stroke:#e3e7ec}}polyline{{fill:none;stroke-width:2}}{}\
         @media(prefers-color-scheme:dark){{text{{fill:#98a2b0}}.title{{fill:#e6e9ee}}.paper{{fill:#14181e}}.grid{{stroke:#2b323c}}{}}}",
        of(|colours| colours.0),
        of(|colours| colours.1)
    )
}
