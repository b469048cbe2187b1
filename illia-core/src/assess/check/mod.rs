//! Whether a net is as sure as it may be: all that held-out data say of that, in one call.

mod chance;
mod pit;
mod shift;

use std::fmt;

use tch::nn::ModuleT;
use tch::{Kind, Tensor};

pub use pit::{Coverage, Pit};
pub use shift::{Difference, Shift};

use super::metrics::{BINS, Reliability, reliability, reliability_of_events};
use crate::error::{Error, Result};
use crate::likelihood::{Likelihood, Uncertainty};
use crate::module::BayesianModule;
use crate::predict::{Predict, Prediction};

/// What held-out examples say of a net's uncertainty: how probable they were, how often intervals of several levels held them,
/// where they lie in their predictive distributions, or for classes how often a confidence came true; and beside each number
/// the range that chance leaves to a net that is perfectly calibrated.
///
/// ```
/// use illia_core::Calibration;
/// use illia_core::likelihood::Gaussian;
/// use illia_core::nn::{Linear, LinearConfig};
/// use tch::{Device, Kind, Tensor, nn};
///
/// let vs = nn::VarStore::new(Device::Cpu);
/// let net = Linear::new(vs.root(), 3, 1, LinearConfig::default());
/// let (x, y) = (Tensor::randn([50, 3], (Kind::Float, Device::Cpu)), Tensor::zeros([50, 1], (Kind::Float, Device::Cpu)));
/// let elsewhere = &x * 100.0;
/// let check = Calibration::check(&net, &Gaussian::fixed(0.1)?, &x, &y)?;
/// println!("{check}");
/// let surprised = check.against(&illia_core::Predict::new().draws(100).run(&net, &elsewhere)?, &Gaussian::fixed(0.1)?)?;
/// assert!(surprised.shift.is_some_and(|shift| shift.epistemic.auroc > 0.9));
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Calibration {
    /// How many examples.
    pub examples: usize,
    /// The mean negative log predictive density, in nats per example.
    pub nll: f64,
    /// How often central intervals hold the target; empty for classes.
    pub coverage: Vec<Coverage>,
    /// Where targets lie in their predictive distributions; None for classes.
    pub pit: Option<Pit>,
    /// How often confidences come true; None for numbers.
    pub reliability: Option<Reliability>,
    /// Whether a second set is another kind of data: [`against`](Self::against).
    pub shift: Option<Shift>,
    /// Each example's.
    uncertainty: Uncertainty,
}

/// Draws of the weights for [`Calibration::check`].
const DRAWS: usize = 100;

impl Calibration {
    /// Of a net's predictions for `x` `[examples, ..]` and what was observed there, `y` `[examples, ..]`, by 100 draws. The examples
    /// must not have been trained on.
    ///
    /// # Errors
    /// Those of [`Predict::run`] and [`of`](Self::of).
    pub fn check<M: BayesianModule + ModuleT>(
        net: &M,
        likelihood: &dyn Likelihood,
        x: &Tensor,
        y: &Tensor,
    ) -> Result<Self> {
        Calibration::of(&Predict::new().draws(DRAWS).run(net, x)?, likelihood, y)
    }

    /// Of a prediction, whatever method made it, and what was observed, `y` `[examples, ..]`. Elements of one example count as
    /// examples of their own, and ranges of chance take them for independent.
    ///
    /// # Errors
    /// What the likelihood returns for targets that it does not fit; [`Error::Configuration`] for no examples and
    /// for numbers that are not finite.
    pub fn of(prediction: &Prediction, likelihood: &dyn Likelihood, y: &Tensor) -> Result<Self> {
        let nll = prediction.log_predictive(likelihood, y)?;
        if nll.numel() == 0 {
            return Err(Error::configuration("examples", 0, "at least 1"));
        }
        let pit = Pit::of(prediction.outputs(), likelihood, y)?;
        let reliability = if pit.is_none() { Some(diagram(prediction, likelihood, y)?) } else { None };
        Ok(Calibration {
            examples: nll.numel(),
            nll: -nll.mean(Kind::Double).double_value(&[]),
            coverage: pit.as_ref().map(Pit::coverage).unwrap_or_default(),
            pit,
            reliability,
            shift: None,
            uncertainty: prediction.uncertainty(likelihood),
        })
    }

    /// With the test whether `other`, a prediction for a second set of inputs, is as sure as that for the first: a net that knows
    /// where it has data is less sure elsewhere. Targets are not asked for.
    ///
    /// # Errors
    /// [`Error::Configuration`] for uncertainties that are no numbers.
    pub fn against(mut self, other: &Prediction, likelihood: &dyn Likelihood) -> Result<Self> {
        self.shift = Some(Shift::of(&self.uncertainty, &other.uncertainty(likelihood))?);
        Ok(self)
    }

    /// What it comes to, in one sentence.
    pub fn verdict(&self) -> String {
        let n = self.examples;
        let as_far = format!("calibrated, as far as {n} examples tell");
        if let Some(diagram) = &self.reliability {
            let (ece, (_, high)) = (diagram.ece(), diagram.ece_by_chance());
            if ece <= high {
                return as_far;
            }
            let over: f64 =
                diagram.bins.iter().map(|bin| (bin.confidence - bin.accuracy) * bin.count as f64).sum();
            let way = match over > 0.0 {
                true => "too sure: it is right less often than it says",
                false => "too unsure: it is right more often than it says",
            };
            return format!("{way} (calibration error {ece:.3}, and chance gives at most {high:.3})");
        }
        // Of five levels one is out of its own range once in ten sets or so; out of this one, once in a hundred.
        let targets = self.pit.as_ref().map_or(n, |pit| pit.values.len());
        let outside = |c: &&Coverage| {
            let (low, high) = chance::share(targets, c.level, 0.001);
            !(low..=high).contains(&c.observed)
        };
        let off = |c: &&Coverage| (c.observed - c.level).abs();
        let worst = self.coverage.iter().filter(outside).max_by(|a, b| off(a).total_cmp(&off(b)));
        if let Some(Coverage { level, observed, .. }) = worst {
            let way = if observed < level { "too sure" } else { "too unsure" };
            let (level, observed) = (100.0 * level, 100.0 * observed);
            return format!("{way}: intervals of {level:.0} % hold {observed:.1} % of the targets");
        }
        match &self.pit {
            Some(pit) if pit.p_value < 0.01 => format!(
                "off, though its intervals are not: targets lie too often on one side (p = {:.1e} for an even spread)",
                pit.p_value
            ),
            _ => as_far,
        }
    }
}

/// The diagram of classes, or of each yes or no.
fn diagram(prediction: &Prediction, likelihood: &dyn Likelihood, y: &Tensor) -> Result<Reliability> {
    let p = prediction.predictive_mean(likelihood);
    if p.dim() == y.dim() + 1 {
        let classes = p.size().last().copied().unwrap_or(1);
        return reliability(&p.reshape([-1, classes]), &y.flatten(0, -1), BINS);
    }
    reliability_of_events(&p.flatten(0, -1), &y.flatten(0, -1), BINS)
}

/// A line for each number.
impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} examples: {}", self.examples, self.verdict())?;
        writeln!(f, "  negative log-likelihood {:.4} nats", self.nll)?;
        if let Some(diagram) = &self.reliability {
            let (low, high) = diagram.ece_by_chance();
            writeln!(f, "  calibration error {:.4}; by chance {low:.4} to {high:.4}", diagram.ece())?;
        }
        for Coverage { level, observed, by_chance: (low, high) } in &self.coverage {
            let (level, low, high) = (100.0 * level, 100.0 * low, 100.0 * high);
            let held = 100.0 * observed;
            writeln!(f, "  intervals of {level:.0} % hold {held:.1} %; by chance {low:.1} to {high:.1}")?;
        }
        if let Some(pit) = &self.pit {
            writeln!(f, "  an even spread of the targets has p = {:.2e}", pit.p_value)?;
        }
        if let Some(Shift { total, epistemic }) = &self.shift {
            for (kind, Difference { auroc, p_value }) in [("all", total), ("epistemic", epistemic)] {
                let share = 100.0 * auroc;
                writeln!(
                    f,
                    "  a second set has more uncertainty ({kind}) in {share:.1} % of pairs, p = {p_value:.2e}"
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
