//! What a net says about images, and what is printed of it.

use illia::data::ImageSet;
use illia::likelihood::{Categorical, Uncertainty};
use illia::prelude::*;
use illia::{Prediction, metrics, noise};

use crate::Failure;
use crate::pictures::Case;

/// A net's predictions for some images.
pub struct Judged {
    pub prediction: Prediction,
    pub probabilities: Tensor,
    pub uncertainty: Uncertainty,
}

/// Predicts with `draws` draws of the weights, an equal share of them from each net: side by side, each with its share of the cores and, from
/// the seed on, with noise of its own.
pub fn judge<M: BayesianModule + ModuleT + Send>(
    nets: &mut [M],
    images: &Tensor,
    draws: usize,
    device: Device,
) -> Result<Judged, Failure> {
    let count = nets.len().max(1);
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let state = noise::state();
    let predict = |i: u64, net: &mut M, images: Tensor| -> illia::Result<Tensor> {
        tch::set_num_threads((cores / count).max(1) as i32);
        noise::restore(noise::State { seed: state.seed.wrapping_add(i << 32), ..state });
        // Every draw of a net without random weights is the same.
        let draws = if net.kl_cost().num_params > 0 { draws.div_ceil(count) } else { 1 };
        Ok(Predict::new().draws(draws).run(net, &images)?.outputs().to_device(Device::Cpu))
    };
    let outputs: Result<Vec<Tensor>, Failure> = std::thread::scope(|scope| {
        let each = nets.iter_mut().zip(0..).map(|(net, i)| {
            let (images, predict) = (images.to_device(device), &predict);
            scope.spawn(move || predict(i, net, images))
        });
        let each: Vec<_> = each.collect();
        each.into_iter().map(|one| Ok(one.join().map_err(|_| "a prediction panicked")??)).collect()
    });
    Ok(Judged::new(Prediction::from_outputs(Tensor::cat(&outputs?, 0))?))
}

impl Judged {
    pub fn new(prediction: Prediction) -> Judged {
        let probabilities = prediction.predictive_mean(&Categorical);
        let uncertainty = prediction.uncertainty(&Categorical);
        Judged { prediction, probabilities, uncertainty }
    }

    /// The share of images that are read right.
    pub fn accuracy(&self, labels: &Tensor) -> Result<f64, Failure> {
        Ok(metrics::accuracy(&self.probabilities, labels)?)
    }

    /// The accuracy on the surest `share` of the images.
    pub fn selective_accuracy(&self, labels: &Tensor, share: f64) -> Result<f64, Failure> {
        let wrong = self.probabilities.argmax(-1, false).not_equal_tensor(labels).to_kind(Kind::Float);
        let curve = metrics::risk_coverage(&self.uncertainty.total, &wrong)?;
        let kept = curve.coverage.partition_point(|&coverage| coverage <= share + 1e-9);
        let risk = kept.checked_sub(1).and_then(|i| curve.risk.get(i)).copied().unwrap_or(0.0);
        Ok(1.0 - risk)
    }

    /// The rows of the surest and of the least sure images, at most one of each class, `count` of each.
    pub fn extremes(&self, labels: &Tensor, count: usize) -> Result<(Vec<i64>, Vec<i64>), Failure> {
        let order: Vec<i64> = Vec::try_from(&self.uncertainty.total.argsort(0, false))?;
        let labels: Vec<i64> = Vec::try_from(labels)?;
        let pick = |rows: &mut dyn Iterator<Item = &i64>| {
            let mut picked: Vec<i64> = Vec::new();
            for &row in rows {
                if picked.len() < count && picked.iter().all(|&p| labels[p as usize] != labels[row as usize])
                {
                    picked.push(row);
                }
            }
            picked
        };
        Ok((pick(&mut order.iter()), pick(&mut order.iter().rev())))
    }

    /// One image with what the net says of it.
    pub fn case(&self, images: &ImageSet, row: i64) -> Result<Case, Failure> {
        let probabilities = self.prediction.map(|outputs| Categorical.mean(&outputs.narrow(1, row, 1)));
        let (low, high) = probabilities.interval(0.95)?;
        let values = |t: &Tensor| Vec::<f64>::try_from(&t.to_kind(Kind::Double).flatten(0, -1));
        Ok(Case {
            pixels: pixels(&images.images.narrow(0, row, 1))?,
            label: images.labels.int64_value(&[row]) as usize,
            mean: values(&probabilities.mean())?,
            low: values(&low)?,
            high: values(&high)?,
            epistemic: self.uncertainty.epistemic.double_value(&[row]),
            total: self.uncertainty.total.double_value(&[row]),
        })
    }
}

/// An image's values from 0 to 1, row by row.
pub fn pixels(image: &Tensor) -> Result<Vec<f64>, Failure> {
    Ok(Vec::try_from(&image.flatten(0, -1).to_kind(Kind::Double))?)
}

pub fn mean(values: &Tensor) -> f64 {
    values.mean(Kind::Double).double_value(&[])
}

/// Small digits side by side in shades of grey, and three lines on each.
pub fn print_cases(cases: &[Case]) {
    const SHADES: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];
    let line = |text: &dyn Fn(&Case) -> String| {
        let texts: Vec<String> = cases.iter().map(|case| format!("{:<30}", text(case))).collect();
        println!("  {}", texts.concat().trim_end());
    };
    for row in 0..8 {
        let shade = |value: &f64| SHADES[((value * 4.99) as usize).min(4)];
        line(&|case| case.pixels.iter().skip(row * 8).take(8).map(shade).collect());
    }
    let percent = |values: &[f64], case: &Case| 100.0 * values[case.says()];
    line(&|case| format!("a {}, read as {} at {:.0} %", case.label, case.says(), percent(&case.mean, case)));
    line(&|case| format!("95 %: {:.0} to {:.0} %", percent(&case.low, case), percent(&case.high, case)));
    line(&|case| format!("{:.3} nats, {:.3} epistemic", case.total, case.epistemic));
}
