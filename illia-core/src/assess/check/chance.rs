//! What chance leaves to what is right.

/// What each end of the ranges leaves out that a check reports: they hold 95 of 100 sets.
pub(super) const TAIL: f64 = 0.025;

/// The smallest and the largest share of `n` trials of probability `p` but for `tail` at each end: quantiles of the binomial
/// distribution, over n.
pub(super) fn share(n: usize, p: f64, tail: f64) -> (f64, f64) {
    let (mut below, mut low) = (0.0, None);
    // log P(k), from one to the next.
    let mut log_p = n as f64 * (1.0 - p).ln();
    for k in 0..=n {
        below += log_p.exp();
        if low.is_none() && below > tail {
            low = Some(k);
        }
        if below >= 1.0 - tail {
            return (low.unwrap_or(k) as f64 / n as f64, k as f64 / n as f64);
        }
        log_p += ((n - k) as f64 / (k + 1) as f64 * p / (1.0 - p)).ln();
    }
    (low.unwrap_or(n) as f64 / n as f64, 1.0)
}

/// The probability that the largest distance between the shares of `n` uniforms and the uniform distribution is `distance` or
/// more (Kolmogorov's, with Stephens' correction for small n, 1970).
pub(super) fn kolmogorov(distance: f64, n: usize) -> f64 {
    let root = (n as f64).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * distance;
    if lambda < 0.2 {
        return 1.0;
    }
    let term =
        |j: i32| (-2.0 * f64::from(j * j) * lambda * lambda).exp() * if j % 2 == 1 { 2.0 } else { -2.0 };
    (1..=100).map(term).sum::<f64>().clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_distances_from_tables() {
        // Binomial(20, 0.5): P(X <= 5) = 0.0207, P(X <= 6) = 0.0577, P(X <= 13) = 0.9423, P(X <= 14) = 0.9793.
        assert_eq!(share(20, 0.5, TAIL), (6.0 / 20.0, 14.0 / 20.0));
        // Of many trials as a normal distribution has it.
        let (low, high) = share(100_000, 0.9, TAIL);
        let sd = (0.9f64 * 0.1 / 1e5).sqrt();
        assert!((low - (0.9 - 1.96 * sd)).abs() < 3e-5 && (high - (0.9 + 1.96 * sd)).abs() < 3e-5);
        assert_eq!(share(1, 0.95, TAIL), (0.0, 1.0));
        // Kolmogorov's 5 % point is 1.358, the 1 % point 1.628.
        let at = |lambda: f64| kolmogorov(lambda / 1000.0, 1_000_000);
        assert!((at(1.358) - 0.05).abs() < 2e-4 && (at(1.628) - 0.01).abs() < 2e-4 && at(0.1) == 1.0);
    }
}
