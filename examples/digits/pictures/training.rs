//! The two terms of the objective, epoch by epoch.

use super::Curves;
use super::axes::{Axes, BAYESIAN, SUBTITLE, TITLE, TWIN, key, ticks};
use super::figure::{Anchor, Figure};

pub fn draw(curves: &Curves) -> Figure {
    let mut figure = Figure::new(960.0, 400.0);
    let examples = curves.examples as f64;
    let nll = |history: &illia::History| -> Vec<(f64, f64)> {
        history.epochs.iter().map(|e| (e.epoch as f64, e.nll)).collect()
    };
    let ours = nll(&curves.bayesian);
    let kl: Vec<_> = curves.bayesian.epochs.iter().map(|e| (e.epoch as f64, e.kl / examples)).collect();
    let last = ours.last().map_or(1.0, |&(epoch, _)| epoch).max(2.0);
    let epochs = ticks(last, 6);

    // The first epochs would flatten everything else: what is above the frame is cut off.
    let most = 1.0;
    let axes = Axes { left: 70.0, top: 74.0, right: 460.0, bottom: 340.0, x: (0.0, last), y: (0.0, most) };
    figure.text((24.0, 26.0), "How well the data are explained", TITLE, Anchor::Left);
    figure.text((24.0, 48.0), "training set, at one draw of the weights a step", SUBTITLE, Anchor::Left);
    axes.draw(&mut figure, &within(&epochs, last), &ticks(most, 5), ("epoch", "NLL, nats per example"));
    if let Some(twin) = &curves.twin {
        axes.line(&mut figure, &cut(&nll(twin), most), TWIN, 2.2);
        key(&mut figure, (330.0, 112.0), TWIN, "deterministic");
    }
    axes.line(&mut figure, &cut(&ours, most), BAYESIAN, 2.2);
    key(&mut figure, (330.0, 90.0), BAYESIAN, "Bayesian");

    let most_kl = kl.iter().map(|&(_, kl)| kl).fold(0.0, f64::max);
    let kl_ticks = ticks(most_kl, 5);
    let top = kl_ticks.last().copied().unwrap_or(1.0);
    let axes = Axes { left: 560.0, top: 74.0, right: 936.0, bottom: 340.0, x: (0.0, last), y: (0.0, top) };
    figure.text((514.0, 26.0), "How far the posterior is from the prior", TITLE, Anchor::Left);
    figure.text((514.0, 48.0), "what the Bayesian net has learnt, and pays for", SUBTITLE, Anchor::Left);
    axes.draw(&mut figure, &within(&epochs, last), &kl_ticks, ("epoch", "KL, nats per example"));
    axes.line(&mut figure, &kl, BAYESIAN, 2.2);
    figure
}

fn within(ticks: &[f64], last: f64) -> Vec<f64> {
    ticks.iter().copied().filter(|&tick| tick <= last).collect()
}

/// The part of a curve below `most`, with the point where it comes down to it.
fn cut(points: &[(f64, f64)], most: f64) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    for pair in points.windows(2) {
        let [(x0, y0), (x1, y1)] = [pair[0], pair[1]];
        let crossing = (x0 + (x1 - x0) * (most - y0) / (y1 - y0), most);
        if kept.is_empty() && y0 <= most {
            kept.push((x0, y0));
        }
        if (y0 > most) != (y1 > most) {
            kept.push(crossing);
        }
        if y1 <= most {
            kept.push((x1, y1));
        }
    }
    kept
}
