//! What answers are made of: entropies, moments, quantiles.

pub fn softmax(logits: &[f64]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}

/// In nats; 0 log 0 is 0.
pub fn entropy(p: &[f64]) -> f64 {
    -p.iter().map(|&p| if p == 0.0 { 0.0 } else { p * p.ln() }).sum::<f64>()
}

/// Mean and standard deviation of each element over the draws, as `illia::Prediction` has them.
pub fn moments(draws: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let n = draws.len() as f64;
    let size = draws.first().map_or(0, Vec::len);
    let mean: Vec<f64> = (0..size).map(|k| draws.iter().map(|draw| draw[k]).sum::<f64>() / n).collect();
    let variance = |(k, mean): (usize, &f64)| {
        draws.iter().map(|draw| (draw[k] - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)
    };
    let std = mean.iter().enumerate().map(variance).map(f64::sqrt).collect();
    (mean, std)
}

/// Between the two nearest values, linearly.
pub fn quantile(values: impl Iterator<Item = f64>, q: f64) -> f32 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let place = q * (sorted.len() - 1) as f64;
    let (low, share) = (place.floor(), place.fract());
    let at = |place: f64| sorted[(place as usize).min(sorted.len() - 1)];
    (at(low) * (1.0 - share) + at(low + 1.0) * share) as f32
}

/// Standard deviations from the mean within which a normal variable lies with the given probability, by bisection.
pub fn half_width(level: f64) -> f64 {
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if libm::erf(middle / std::f64::consts::SQRT_2) < level { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_as_wide_as_tables_say() {
        for (level, half) in [(0.5, 0.674_490), (0.9, 1.644_854), (0.95, 1.959_964), (0.99, 2.575_829)] {
            assert!((half_width(level) - half).abs() < 1e-6, "{level}");
        }
        assert_eq!(quantile([3.0, 1.0, 2.0].into_iter(), 0.25), 1.5);
        assert_eq!(quantile([7.0].into_iter(), 0.95), 7.0);
    }
}
