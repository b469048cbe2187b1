//! Nodes and weights of Gaussian quadrature, from the polynomials' roots.

use std::f64::consts::PI;
use std::sync::LazyLock;

/// (node, weight) of each point.
pub(super) type Rule = Vec<(f64, f64)>;

/// Integrates against the standard normal density: exact for polynomials up to degree 31.
pub(super) static HERMITE: LazyLock<Rule> = LazyLock::new(|| hermite(16));

/// Integrates over 0 to 1: exact for polynomials up to degree 23.
pub(super) static LEGENDRE: LazyLock<Rule> = LazyLock::new(|| legendre(12));

/// Roots of the Hermite polynomial He_n of probability, through the orthonormal recurrence, which stays in range.
fn hermite(n: usize) -> Rule {
    // (h_n, h_n-1) at x, orthonormal under the normal density; h_n' = sqrt(n) h_n-1.
    let at = |x: f64| {
        (0..n).fold((1.0, 0.0), |(now, before), k| {
            let k = k as f64;
            ((x * now - k.sqrt() * before) / (k + 1.0).sqrt(), now)
        })
    };
    let order = n as f64;
    let mut roots: Rule = Vec::new();
    // From the largest on: each root is found by Newton's iteration on h_n divided by the factors of those already found.
    let mut x = (4.0 * order + 2.0).sqrt();
    for _ in 0..n {
        for _ in 0..NEWTON {
            let (h, before) = at(x);
            let pull: f64 = roots.iter().map(|(root, _)| 1.0 / (x - root)).sum();
            x -= h / (order.sqrt() * before - h * pull);
        }
        let (_, before) = at(x);
        roots.push((x, 1.0 / (order * before * before)));
        x -= 1e-3;
    }
    roots
}

/// Roots of the Legendre polynomial P_n, moved to 0 to 1.
fn legendre(n: usize) -> Rule {
    let order = n as f64;
    // (P_n, P_n') at x.
    let at = |x: f64| {
        let (p, before) = (0..n).fold((1.0, 0.0), |(now, before), k| {
            let k = k as f64;
            (((2.0 * k + 1.0) * x * now - k * before) / (k + 1.0), now)
        });
        (p, order * (x * p - before) / (x * x - 1.0))
    };
    let root = |i: usize| {
        let mut x = (PI * (i as f64 + 0.75) / (order + 0.5)).cos();
        for _ in 0..NEWTON {
            let (p, slope) = at(x);
            x -= p / slope;
        }
        let (_, slope) = at(x);
        ((x + 1.0) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..n).map(root).collect()
}

/// Far more than are needed.
const NEWTON: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_the_normal_are_exact() {
        // E z^2k = (2k - 1)!!
        let mut exact = 1.0;
        for k in 0..16 {
            let found: f64 = HERMITE.iter().map(|(x, w)| w * x.powi(2 * k)).sum();
            assert!((found / exact - 1.0).abs() < 1e-11, "{k}: {found} for {exact}");
            let odd: f64 = HERMITE.iter().map(|(x, w)| w * x.powi(2 * k + 1)).sum();
            assert!(odd.abs() < 1e-10 * exact.max(1.0) * 100.0);
            exact *= f64::from(2 * k + 1);
        }
    }

    #[test]
    fn powers_over_the_unit_interval_are_exact() {
        for k in 0..24 {
            let found: f64 = LEGENDRE.iter().map(|(x, w)| w * x.powi(k)).sum();
            assert!((found * f64::from(k + 1) - 1.0).abs() < 1e-13, "{k}: {found}");
        }
    }
}
