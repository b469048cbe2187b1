//! Calibration: whether what is said to be probable at 80 % happens in 80 % of the cases.

use tch::Tensor;

use super::{Classified, finite, same_shape};
use crate::error::{Error, Result};
use crate::noise::{self, Key};

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// The lowest confidence that would still be in the bin's range (excluded, but for 0), and the highest.
    pub range: (f64, f64),
    /// How many examples fell into it; bins without any are left out of every sum.
    pub count: usize,
    /// The mean of their confidences; 0 in an empty bin.
    pub confidence: f64,
    /// The share of them that came true; 0 in an empty bin.
    pub accuracy: f64,
}

impl Bin {
    /// |accuracy - confidence|.
    pub fn gap(&self) -> f64 {
        (self.accuracy - self.confidence).abs()
    }
}

/// A reliability diagram's numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// From low confidence to high.
    pub bins: Vec<Bin>,
    /// Each example's confidence.
    confidences: Vec<f64>,
}

impl Reliability {
    /// Of (confidence, 1 if it came true) in bins of equal width.
    fn of(events: &[(f64, f64)], bins: usize) -> Result<Reliability> {
        let confidences = events.iter().map(|(p, _)| *p).collect();
        Ok(Reliability { bins: equal_width(events, bins)?, confidences })
    }

    /// The expected calibration error: the bins' gaps, weighted by their counts (Naeini et al. 2015).
    pub fn ece(&self) -> f64 {
        ece_of(&self.bins)
    }

    /// Between which two numbers 95 of 100 expected calibration errors lie if the confidences are right: the 2.5 % and 97.5 %
    /// quantiles of [`ece`](Self::ece) over 1,000 sets in which each example comes true with the probability that its
    /// confidence says (Vaicenavicius et al. 2019, consistency resampling). An error within is no sign of miscalibration, and
    /// one below no sign of merit. The same confidences give the same numbers.
    pub fn ece_by_chance(&self) -> (f64, f64) {
        let n = self.confidences.len();
        let placed = || self.confidences.iter().map(|&p| (index(p, self.bins.len()), p));
        let mut uniforms = vec![0.0f32; n];
        let mut simulated: Vec<f64> = (0..SIMULATIONS)
            .map(|draw| {
                noise::fill_uniforms(Key { draw, ..CHANCE }, &mut uniforms);
                let mut gaps = vec![0.0; self.bins.len()];
                for ((bin, p), &u) in placed().zip(&uniforms) {
                    if let Some(gap) = gaps.get_mut(bin) {
                        *gap += f64::from(u8::from(f64::from(u) < p)) - p;
                    }
                }
                gaps.iter().map(|gap: &f64| gap.abs()).sum::<f64>() / n.max(1) as f64
            })
            .collect();
        simulated.sort_by(f64::total_cmp);
        let at = |q: f64| simulated.get((q * SIMULATIONS as f64) as usize).copied().unwrap_or(0.0);
        (at(0.025), at(0.975))
    }

    /// The maximum calibration error: the largest gap of a bin with examples (Naeini et al. 2015).
    pub fn mce(&self) -> f64 {
        self.bins.iter().filter(|bin| bin.count > 0).map(Bin::gap).fold(0.0, f64::max)
    }
}

/// Sets that [`Reliability::ece_by_chance`] makes.
const SIMULATIONS: u64 = 1000;
/// Their noise, which has nothing to do with any net's.
const CHANCE: Key = Key { seed: 0, stream: u64::MAX - 29, draw: 0 };

/// The reliability diagram of the most probable class, in `bins` bins of equal width (Guo et al. 2017): bin m holds
/// confidences above (m - 1) / bins, up to m / bins.
///
/// Probabilities are `[batch, classes]`, labels `[batch]`.
///
/// ```
/// use tch::Tensor;
///
/// // Sure by 80 %, and right in one case of two.
/// let p = Tensor::from_slice(&[0.8, 0.2, 0.8, 0.2]).reshape([2, 2]);
/// let reliability = illia_core::metrics::reliability(&p, &Tensor::from_slice(&[0i64, 1]), 10)?;
/// assert!((reliability.ece() - 0.3).abs() < 1e-6);
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// # Errors
/// As [`accuracy`](super::accuracy), and [`Error::Configuration`] for no bins.
pub fn reliability(probabilities: &Tensor, labels: &Tensor, bins: usize) -> Result<Reliability> {
    Reliability::of(&top_events(probabilities, labels)?, bins)
}

/// The reliability diagram of forecasts of yes or no: probabilities `[batch]` of events that are 1 where they happened,
/// else 0.
///
/// # Errors
/// [`Error::Shape`] if the two differ in shape; [`Error::Configuration`] for values outside of 0 to 1, and no bins.
pub fn reliability_of_events(probabilities: &Tensor, events: &Tensor, bins: usize) -> Result<Reliability> {
    same_shape("events", probabilities, events)?;
    let (probabilities, events) = (finite("probabilities", probabilities)?, finite("events", events)?);
    if let Some(value) = probabilities.iter().chain(&events).find(|v| !(0.0..=1.0).contains(*v)) {
        return Err(Error::configuration("probabilities and events", value, "from 0 to 1"));
    }
    Reliability::of(&probabilities.into_iter().zip(events).collect::<Vec<_>>(), bins)
}

/// The expected calibration error of the most probable class, in `bins` bins of equal width; the custom is
/// [`BINS`](super::BINS).
///
/// # Errors
/// As [`reliability`].
///
/// ```
/// use tch::Tensor;
///
/// // 75 % sure twice, right once.
/// let p = Tensor::from_slice(&[0.75, 0.25, 0.75, 0.25]).reshape([2, 2]);
/// let ece = illia_core::metrics::ece(&p, &Tensor::from_slice(&[0i64, 1]), 15)?;
/// assert!((ece - 0.25).abs() < 1e-12);
/// # Ok::<(), illia_core::Error>(())
/// ```
pub fn ece(probabilities: &Tensor, labels: &Tensor, bins: usize) -> Result<f64> {
    Ok(reliability(probabilities, labels, bins)?.ece())
}

/// The maximum calibration error of the most probable class, in `bins` bins of equal width.
///
/// # Errors
/// As [`reliability`].
pub fn mce(probabilities: &Tensor, labels: &Tensor, bins: usize) -> Result<f64> {
    Ok(reliability(probabilities, labels, bins)?.mce())
}

/// The expected calibration error of the most probable class in `bins` bins of equally many examples (Nguyen & O'Connor
/// 2015), which puts bins where the confidences are. Where the examples can't be shared out equally, the least confident
/// bins hold one more.
///
/// Equal confidences keep the examples' order.
///
/// # Errors
/// As [`reliability`].
pub fn adaptive_ece(probabilities: &Tensor, labels: &Tensor, bins: usize) -> Result<f64> {
    checked(bins)?;
    let mut events = top_events(probabilities, labels)?;
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (each, longer) = (events.len() / bins, events.len() % bins);
    let start = |m: usize| m * each + m.min(longer);
    let share = |m: usize| events.get(start(m)..start(m + 1)).unwrap_or_default();
    let bins: Vec<Bin> = (0..bins).map(|m| bin((0.0, 1.0), share(m))).collect();
    Ok(ece_of(&bins))
}

/// The mean over the classes of the calibration error of that class's probability against the share of its labels, in
/// `bins` bins of equal width (Kull et al. 2019).
///
/// # Errors
/// As [`reliability`].
pub fn classwise_ece(probabilities: &Tensor, labels: &Tensor, bins: usize) -> Result<f64> {
    let data = Classified::new(probabilities, labels)?;
    let mut sum = 0.0;
    for class in 0..data.classes {
        let event = |(row, label): (&[f64], usize)| {
            (row.get(class).copied().unwrap_or(0.0), f64::from(u8::from(label == class)))
        };
        let events: Vec<(f64, f64)> = data.iter().map(event).collect();
        sum += ece_of(&equal_width(&events, bins)?);
    }
    Ok(sum / data.classes as f64)
}

/// (confidence, 1 if right) of each example's most probable class.
fn top_events(probabilities: &Tensor, labels: &Tensor) -> Result<Vec<(f64, f64)>> {
    let data = Classified::new(probabilities, labels)?;
    let event = |(row, label)| {
        let (class, confidence) = Classified::top(row);
        (confidence, f64::from(u8::from(class == label)))
    };
    Ok(data.iter().map(event).collect())
}

/// More than anybody wants, fewer than would not fit in memory.
const MOST_BINS: usize = 1 << 20;

fn checked(bins: usize) -> Result<()> {
    if (1..=MOST_BINS).contains(&bins) {
        return Ok(());
    }
    Err(Error::configuration("bins", bins, &format!("from 1 to {MOST_BINS}")))
}

/// The bin of a confidence among bins of equal width.
fn index(p: f64, bins: usize) -> usize {
    // Bins are open below and closed above; 0 goes into the first, whatever exceeds 1 by rounding into the last.
    let index = ((p * bins as f64).ceil() as usize).clamp(1, bins.max(1)) - 1;
    // The product may be rounded over an edge, which the edge itself is not.
    if index > 0 && p <= index as f64 / bins as f64 { index - 1 } else { index }
}

fn ece_of(bins: &[Bin]) -> f64 {
    let total: usize = bins.iter().map(|bin| bin.count).sum();
    bins.iter().map(|bin| bin.gap() * bin.count as f64).sum::<f64>() / total.max(1) as f64
}

fn equal_width(events: &[(f64, f64)], bins: usize) -> Result<Vec<Bin>> {
    checked(bins)?;
    let mut members: Vec<Vec<(f64, f64)>> = vec![Vec::new(); bins];
    for &(p, event) in events {
        if let Some(bin) = members.get_mut(index(p, bins)) {
            bin.push((p, event));
        }
    }
    let range = |m: usize| (m as f64 / bins as f64, (m + 1) as f64 / bins as f64);
    Ok(members.iter().enumerate().map(|(m, events)| bin(range(m), events)).collect())
}

fn bin(range: (f64, f64), events: &[(f64, f64)]) -> Bin {
    let n = events.len().max(1) as f64;
    Bin {
        range,
        count: events.len(),
        confidence: events.iter().map(|(p, _)| p).sum::<f64>() / n,
        accuracy: events.iter().map(|(_, event)| event).sum::<f64>() / n,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Confidences 0.6 (right), 0.7 (wrong), 0.9 (right), 1.0 (right), always for class 0.
    fn four() -> (Tensor, Tensor) {
        let p = [0.6, 0.4, 0.7, 0.3, 0.9, 0.1, 1.0, 0.0];
        (Tensor::from_slice(&p).reshape([4, 2]), Tensor::from_slice(&[0i64, 1, 0, 0]))
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn four_examples_in_two_bins_of_equal_width() {
        let (p, y) = four();
        let diagram = reliability(&p, &y, 2).unwrap();
        assert_eq!(diagram.bins[0].count, 0);
        assert_eq!(diagram.bins[1].count, 4);
        // Mean confidence 0.8, accuracy 0.75.
        assert!(close(diagram.bins[1].confidence, 0.8) && close(diagram.bins[1].accuracy, 0.75));
        assert!(close(ece(&p, &y, 2).unwrap(), 0.05) && close(mce(&p, &y, 2).unwrap(), 0.05));
    }

    #[test]
    fn four_examples_in_five_bins() {
        let (p, y) = four();
        // (0.4, 0.6]: gap 0.4; (0.6, 0.8]: gap 0.7; (0.8, 1]: |1 - 0.95| twice.
        assert!(close(ece(&p, &y, 5).unwrap(), (0.4 + 0.7 + 2.0 * 0.05) / 4.0));
        assert!(close(mce(&p, &y, 5).unwrap(), 0.7));
    }

    #[test]
    fn four_examples_in_two_bins_of_equal_count() {
        let (p, y) = four();
        // {0.6 right, 0.7 wrong}: |0.5 - 0.65|; {0.9, 1.0, both right}: |1 - 0.95|.
        assert!(close(adaptive_ece(&p, &y, 2).unwrap(), (2.0 * 0.15 + 2.0 * 0.05) / 4.0));
        // More bins than examples leave some empty: the mean of the four gaps.
        assert!(close(adaptive_ece(&p, &y, 8).unwrap(), (0.4 + 0.7 + 0.1 + 0.0) / 4.0));
        // Three bins: the first holds 0.6 and 0.7, the others one each.
        assert!(close(adaptive_ece(&p, &y, 3).unwrap(), (2.0 * 0.15 + 0.1 + 0.0) / 4.0));
    }

    #[test]
    fn each_class_for_itself() {
        let (p, y) = four();
        // Class 0, one bin: mean 0.8 against 0.75. Class 1: 0.2 against 0.25.
        assert!(close(classwise_ece(&p, &y, 1).unwrap(), 0.05));
        // Two bins: class 1's four all fall into (0, 0.5]; class 0's into (0.5, 1].
        assert!(close(classwise_ece(&p, &y, 2).unwrap(), 0.05));
        // Five bins, class 1: 0.4 -> (0.2, 0.4] gap 0.4, 0.3 with it: mean 0.35 against 0.5; 0.1 and 0: mean 0.05.
        let class1 = (2.0 * 0.15 + 2.0 * 0.05) / 4.0;
        let class0 = (0.4 + 0.7 + 2.0 * 0.05) / 4.0;
        assert!(close(classwise_ece(&p, &y, 5).unwrap(), (class0 + class1) / 2.0));
    }

    #[test]
    fn events_of_yes_and_no() {
        let p = Tensor::from_slice(&[0.0, 0.5, 0.6, 1.0]);
        let happened = Tensor::from_slice(&[0i64, 1, 0, 1]);
        let diagram = reliability_of_events(&p, &happened, 2).unwrap();
        assert!(close(diagram.ece(), (2.0 * 0.25 + 2.0 * 0.3) / 4.0));
        assert!(reliability_of_events(&p, &happened.reshape([4, 1]), 2).is_err());
        assert!(reliability_of_events(&(p * 2.0), &happened, 2).is_err());
    }

    #[test]
    fn confidences_that_are_right_stay_within_chance() {
        // One bin: the error is |share - 0.8|, of a normal distribution to the 1 % that a binomial of 400 leaves.
        let p = Tensor::full([400], 0.8, (tch::Kind::Double, tch::Device::Cpu));
        let happened = p.zeros_like();
        let _ = happened.narrow(0, 0, 320).fill_(1.0);
        let (low, high) = reliability_of_events(&p, &happened, 1).unwrap().ece_by_chance();
        let sd = (0.8f64 * 0.2 / 400.0).sqrt();
        // Quantiles of |z| at 2.5 % and 97.5 %; that of 1,000 sets is known to 5 % of sd or so, the steps are 1/400.
        assert!(low <= 0.0025 + 1e-9 && (high / (2.241 * sd) - 1.0).abs() < 0.1, "{low} to {high}, sd {sd}");
        // What happens as often as is said stays within, over many sets; what happens less often does not.
        let mut within = 0;
        for seed in 0..100 {
            let key = Key { seed, stream: 1, draw: 0 };
            let p = noise::uniforms(key, &[300], tch::Kind::Double, tch::Device::Cpu);
            let u = noise::uniforms(Key { draw: 1, ..key }, &[300], tch::Kind::Double, tch::Device::Cpu);
            let diagram =
                reliability_of_events(&p, &u.less_tensor(&p).to_kind(tch::Kind::Double), 15).unwrap();
            let (low, high) = diagram.ece_by_chance();
            within += usize::from((low..=high).contains(&diagram.ece()));
            let less = u.less_tensor(&(&p * 0.5)).to_kind(tch::Kind::Double);
            assert!(reliability_of_events(&p, &less, 15).unwrap().ece() > high);
        }
        // 95 expected, with a standard deviation of 2.2.
        assert!((87..=100).contains(&within), "{within} of 100");
    }

    #[test]
    fn no_bins_are_refused() {
        let (p, y) = four();
        assert!(ece(&p, &y, 0).is_err() && adaptive_ece(&p, &y, 0).is_err());
    }
}
