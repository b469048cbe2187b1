//! Calibration: whether what is said to be probable at 80 % happens in 80 % of the cases.

use tch::Tensor;

use super::{Classified, finite, same_shape};
use crate::error::{Error, Result};

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
}

impl Reliability {
    /// The expected calibration error: the bins' gaps, weighted by their counts (Naeini et al. 2015).
    pub fn ece(&self) -> f64 {
        let total: usize = self.bins.iter().map(|bin| bin.count).sum();
        self.bins.iter().map(|bin| bin.gap() * bin.count as f64).sum::<f64>() / total.max(1) as f64
    }

    /// The maximum calibration error: the largest gap of a bin with examples (Naeini et al. 2015).
    pub fn mce(&self) -> f64 {
        self.bins.iter().filter(|bin| bin.count > 0).map(Bin::gap).fold(0.0, f64::max)
    }
}

/// The reliability diagram of the most probable class, in `bins` bins of equal width (Guo et al. 2017): bin m holds
/// confidences above (m - 1) / bins, up to m / bins.
///
/// Probabilities are `[batch, classes]`, labels `[batch]`.
///
/// # Errors
/// As [`accuracy`](super::accuracy), and [`Error::Configuration`] for no bins.
pub fn reliability(probabilities: &Tensor, labels: &Tensor, bins: usize) -> Result<Reliability> {
    Ok(Reliability { bins: equal_width(&top_events(probabilities, labels)?, bins)? })
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
    let events: Vec<(f64, f64)> = probabilities.into_iter().zip(events).collect();
    Ok(Reliability { bins: equal_width(&events, bins)? })
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
    let bins = (0..bins).map(|m| bin((0.0, 1.0), share(m))).collect();
    Ok(Reliability { bins }.ece())
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
        sum += Reliability { bins: equal_width(&events, bins)? }.ece();
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

fn equal_width(events: &[(f64, f64)], bins: usize) -> Result<Vec<Bin>> {
    checked(bins)?;
    let mut members: Vec<Vec<(f64, f64)>> = vec![Vec::new(); bins];
    for &(p, event) in events {
        // Bins are open below and closed above; 0 goes into the first, whatever exceeds 1 by rounding into the last.
        let mut index = ((p * bins as f64).ceil() as usize).clamp(1, bins) - 1;
        // The product may be rounded over an edge, which the edge itself is not.
        if index > 0 && p <= index as f64 / bins as f64 {
            index -= 1;
        }
        if let Some(bin) = members.get_mut(index) {
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
    fn no_bins_are_refused() {
        let (p, y) = four();
        assert!(ece(&p, &y, 0).is_err() && adaptive_ece(&p, &y, 0).is_err());
    }
}
