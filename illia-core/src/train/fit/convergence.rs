//! How far a run has come from its start, and how still it stands at its end.

use std::collections::BTreeMap;
use std::fmt;

use tch::{Device, Kind, Tensor};

use super::EpochRecord;
use super::course::{mean_and_error, tenth};
use crate::module::BayesianModule;
use crate::parameter::RandomParameter;
use crate::train::optim::{Moments, Optimiser, OptimiserState};

/// How far a run has come, and how still it stands at its end: what tells a posterior that was found from one that was not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Convergence {
    /// How far the posterior's means are from their start: the root mean square of the way, over that of the means themselves, at
    /// the start or the end, whichever is larger.
    pub mu_moved: f64,
    /// The share of the means that moved by less than a hundredth of that.
    pub mu_at_start: f64,
    /// The mean of |log sigma - log sigma at the start|; None where no sigma is trained.
    pub sigma_moved: Option<f64>,
    /// The share of the sigmas that are within a tenth of their start.
    pub sigma_at_start: Option<f64>,
    /// How hard the objective still pulls on the sigmas: what an e-fold of all those of a layer would change of it, in nats a weight,
    /// beyond noise. The KL alone pulls by 1 on a sigma far below the prior's; 0 is an arrival. None where the optimiser keeps
    /// no mean gradient.
    pub sigma_pull: Option<f64>,
    /// The share of noise in the squared gradient of a batch: 1 once there is nothing left to follow. None
    /// where the optimiser keeps no mean gradient.
    pub gradient_noise: Option<f64>,
    /// By how much the objective changes in an epoch, in nats per example: the slope of a line through the epochs of the last tenth
    /// of the run, ten at least as far as there are so many.
    pub slope: f64,
    /// The slope's standard error; infinite for fewer than three epochs.
    pub slope_error: f64,
    /// The lowest mean of the objective over as many epochs in a row, in nats per example.
    pub best_loss: f64,
    /// That of the last ones.
    pub last_loss: f64,
}

/// Elements of a variable that are remembered as they were at the start: evenly spaced, so that shares over a net of ten variables are
/// known to 2 %.
const SAMPLE: usize = 128;

/// Some elements of each mu and rho at the start, by the variables' names.
pub(super) type Starts = BTreeMap<String, Vec<f32>>;

/// A run of which it is told how far it came.
pub(super) struct Way<'a, M: ?Sized> {
    pub net: &'a M,
    pub starts: &'a Starts,
    pub records: &'a [EpochRecord],
    pub optimiser: &'a dyn Optimiser,
    pub state: &'a OptimiserState,
    pub examples: usize,
    /// Whether the means alone are trained.
    pub means: bool,
}

pub(super) fn starts<M: BayesianModule + ?Sized>(net: &M) -> Starts {
    let parameters = net.parameters().into_iter().filter(|parameter| parameter.is_random());
    parameters.flat_map(variables).map(|(name, variable)| (name, sample(variable))).collect()
}

/// A parameter's mu and what its spread comes from, where it has one, by name.
fn variables(parameter: &RandomParameter) -> Vec<(String, &Tensor)> {
    let own = [("mu", parameter.mu())].into_iter().chain(parameter.spread());
    own.map(|(name, own)| (format!("{}.{name}", parameter.name()), own)).collect()
}

fn sample(variable: &Tensor) -> Vec<f32> {
    let every = variable.numel().div_ceil(SAMPLE).max(1) as i64;
    let some = variable.detach().flatten(0, -1).slice(0, None, None, every);
    // Files have no infinity, which is a pruned weight's rho.
    let some = some.to_device(Device::Cpu).to_kind(Kind::Float).nan_to_num(0.0, f64::from(f32::MAX), LEAST);
    Vec::try_from(some.contiguous()).unwrap_or_default()
}

/// Where a rho is no rho.
const LEAST: f64 = f32::MIN as f64;

/// A sum with the number of weights that it stands for.
#[derive(Default)]
struct Share {
    sum: f64,
    of: f64,
}

impl Share {
    fn add(&mut self, value: f64, of: f64) {
        self.sum += of * value;
        self.of += of;
    }

    fn get(&self) -> Option<f64> {
        (self.of > 0.0).then(|| self.sum / self.of)
    }
}

impl Convergence {
    pub(super) fn of<M: BayesianModule + ?Sized>(way: &Way<'_, M>) -> Self {
        let (mu_moved, mu_at_start) = means(way);
        let sigmas = if way.means { [None; 2] } else { sigmas(way) };
        let (slope, slope_error) = slope(way.records);
        let width = tenth(way.records);
        let of_window = |window: &[EpochRecord]| mean_and_error(window).0;
        let mut windows = way.records.windows(width).map(of_window);
        Convergence {
            mu_moved,
            mu_at_start,
            sigma_moved: sigmas[0],
            sigma_at_start: sigmas[1],
            sigma_pull: if way.means { None } else { pull(way) },
            gradient_noise: noise(way),
            slope,
            slope_error,
            best_loss: windows.clone().reduce(f64::min).unwrap_or_default(),
            last_loss: windows.next_back().unwrap_or_default(),
        }
    }
}

/// How far the means moved, and the share that did not.
fn means<M: BayesianModule + ?Sized>(way: &Way<'_, M>) -> (f64, f64) {
    let mut pairs: Vec<(f64, f64, f64)> = Vec::new();
    for parameter in way.net.parameters().into_iter().filter(|parameter| parameter.is_random()) {
        let Some(start) = way.starts.get(&format!("{}.mu", parameter.name())) else { continue };
        let each = parameter.num_weights() as f64 / start.len().max(1) as f64;
        let now = sample(parameter.mu());
        pairs.extend(start.iter().zip(now).map(|(&then, now)| (f64::from(then), f64::from(now), each)));
    }
    let root_mean = |square: &dyn Fn(&(f64, f64, f64)) -> f64| {
        let mut share = Share::default();
        pairs.iter().for_each(|pair| share.add(square(pair), pair.2));
        share.get().unwrap_or_default().sqrt()
    };
    let size = root_mean(&|pair| pair.0.powi(2)).max(root_mean(&|pair| pair.1.powi(2)));
    if size == 0.0 {
        return (0.0, 0.0);
    }
    let mut still = Share::default();
    for (then, now, of) in &pairs {
        still.add(f64::from(u8::from((now - then).abs() < 0.01 * size)), *of);
    }
    (root_mean(&|pair| (pair.1 - pair.0).powi(2)) / size, still.get().unwrap_or_default())
}

/// How far the sigmas moved, and the share that did not.
fn sigmas<M: BayesianModule + ?Sized>(way: &Way<'_, M>) -> [Option<f64>; 2] {
    let (mut moved, mut still) = (Share::default(), Share::default());
    let log_sigma = |rho: f32| f64::from(rho).exp().ln_1p().ln();
    for (rho, name) in trained_rho(way.net) {
        let Some(start) = way.starts.get(&name) else { continue };
        let each = rho.numel() as f64 / start.len().max(1) as f64;
        for (&then, now) in start.iter().zip(sample(rho)).filter(|(_, now)| f64::from(*now) > LEAST) {
            let by = (log_sigma(now) - log_sigma(then)).abs();
            moved.add(by, each);
            still.add(f64::from(u8::from(by < 0.1)), each);
        }
    }
    [moved.get(), still.get()]
}

fn trained_rho<M: BayesianModule + ?Sized>(net: &M) -> impl Iterator<Item = (&Tensor, String)> {
    let parameters = net.parameters().into_iter().filter(|p| p.is_random() && p.held().is_none());
    parameters.filter_map(|parameter| {
        let (name, rho) = parameter.spread().filter(|(_, rho)| rho.requires_grad())?;
        Some((rho, format!("{}.{name}", parameter.name())))
    })
}

/// What the objective pulls on sigmas with, layer by layer: noise is averaged out over a layer's weights, as far as it has many.
fn pull<M: BayesianModule + ?Sized>(way: &Way<'_, M>) -> Option<f64> {
    let weight = way.records.last().map(|record| record.kl_weight).filter(|weight| *weight > 0.0)?;
    let per_nat = way.examples as f64 / weight;
    let mut share = Share::default();
    for (rho, name) in trained_rho(way.net) {
        let Some(Moments { mean, square, kept }) = way.moments(&name) else { continue };
        // d rho / d log sigma; a pruned weight has none.
        let rho = rho.detach().to_kind(Kind::Double);
        let by_log = (rho.softplus() / rho.sigmoid()).nan_to_num(0.0, 0.0, 0.0);
        let sum = |each: Tensor| each.sum(Kind::Double).double_value(&[]);
        let noise = (kept * sum(square * by_log.square())).sqrt();
        let beyond = (sum(mean * by_log).abs() - 2.0 * noise).max(0.0);
        let weights = rho.numel() as f64;
        share.add(beyond / weights * per_nat, weights);
    }
    share.get()
}

/// The share of noise in the squared gradients. A mean over time keeps a known part of the noise's variance, which is taken out
/// of it.
fn noise<M: BayesianModule + ?Sized>(way: &Way<'_, M>) -> Option<f64> {
    let (mut noise, mut all) = (0.0, 0.0);
    // In an order of their own, so that the sum has the same bits each time.
    let mut names: Vec<&str> = way.state.names().collect();
    names.sort_unstable();
    for name in names {
        let Some(Moments { mean, square, kept }) = way.moments(name).filter(|moments| moments.kept < 1.0)
        else {
            continue;
        };
        let sum = |each: Tensor| each.sum(Kind::Double).double_value(&[]);
        let squares = sum(square);
        noise += (squares - sum(mean.square())) / (1.0 - kept);
        all += squares;
    }
    (all > 0.0).then(|| (noise / all).clamp(0.0, 1.0))
}

impl<M: BayesianModule + ?Sized> Way<'_, M> {
    /// What a progress bar has room for.
    pub(super) fn in_short(&self) -> String {
        let mut text = String::new();
        let (slope, error) = slope(self.records);
        if error.is_finite() {
            text = format!(", slope {slope:+.1e} ± {error:.0e}");
        }
        match sigmas(self) {
            [_, Some(still)] if !self.means && still > 0.01 => {
                format!("{text}, {:.0} % of sigmas at their start", 100.0 * still)
            }
            _ => text,
        }
    }

    fn moments(&self, variable: &str) -> Option<Moments> {
        self.optimiser.moments(self.state.get(variable)?)
    }
}

/// The slope of a line through the last tenth of the epochs, by least squares, and its standard error.
fn slope(records: &[EpochRecord]) -> (f64, f64) {
    let last = records.get(records.len() - tenth(records).max(10).min(records.len())..).unwrap_or_default();
    if last.len() < 3 {
        return (0.0, f64::INFINITY);
    }
    let n = last.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let (mean, _) = mean_and_error(last);
    let places = || last.iter().enumerate().map(|(i, record)| (i as f64 - middle, record.loss - mean));
    let spread: f64 = places().map(|(x, _)| x * x).sum();
    let slope = places().map(|(x, y)| x * y).sum::<f64>() / spread;
    let rest: f64 = places().map(|(x, y)| (y - slope * x).powi(2)).sum();
    (slope, (rest / (n - 2.0) / spread).sqrt())
}

/// A line for each number that there is.
impl fmt::Display for Convergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| 100.0 * share;
        writeln!(
            f,
            "means moved by {:.2} of their size, {:.0} % of them not at all",
            self.mu_moved,
            percent(self.mu_at_start)
        )?;
        if let (Some(moved), Some(still)) = (self.sigma_moved, self.sigma_at_start) {
            writeln!(f, "log sigma moved by {moved:.2}, {:.0} % not at all", percent(still))?;
        }
        if let Some(pull) = self.sigma_pull {
            writeln!(f, "the objective pulls on sigmas with {pull:.2} nats a weight")?;
        }
        if let Some(noise) = self.gradient_noise {
            writeln!(f, "{:.1} % of the squared gradient is noise", percent(noise))?;
        }
        writeln!(f, "objective {:.4} nats, best {:.4}", self.last_loss, self.best_loss)?;
        writeln!(f, "slope {:.2e} ± {:.1e} nats an epoch", self.slope, self.slope_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_and_its_error_by_hand() {
        let records = |losses: &[f64]| -> Vec<EpochRecord> {
            losses.iter().map(|&loss| EpochRecord { loss, ..Default::default() }).collect()
        };
        assert_eq!(slope(&records(&[1.0, 0.0])), (0.0, f64::INFINITY));
        assert_eq!(slope(&records(&[3.0, 2.0, 1.0, 0.0])), (-1.0, 0.0));
        // Places -1, 0, 1 and values 0, 3, 0: no slope; rest 6 over 1 degree and a spread of 2.
        let (slope, error) = slope(&records(&[0.0, 3.0, 0.0]));
        assert!(slope.abs() < 1e-12 && (error - 3f64.sqrt()).abs() < 1e-12, "{slope} {error}");
    }
}
