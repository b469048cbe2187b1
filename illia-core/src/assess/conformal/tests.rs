//! The coverage of each predictor against the distribution that it must have, over a thousand calibration sets.

use tch::{Device, Kind, Tensor};

use super::*;
use crate::noise::{self, Stream, manual_seed};

const F64: (Kind, Device) = (Kind::Double, Device::Cpu);

/// Calibration examples, test examples, calibration sets.
const N: usize = 59;
const M: usize = 200;
const SETS: usize = 1000;
const ALPHA: f64 = 0.1;

fn normals(stream: &Stream, shape: &[i64]) -> Tensor {
    noise::normals(stream.next_key(), shape, Kind::Double, Device::Cpu)
}

fn uniforms(stream: &Stream, shape: &[i64]) -> Tensor {
    noise::uniforms(stream.next_key(), shape, Kind::Double, Device::Cpu)
}

/// The Beta-binomial probabilities of 0 to `m` covered examples of `m`: with p ~ Beta(a, b), b below a.
fn beta_binomial(m: usize, a: f64, b: f64) -> Vec<f64> {
    let mut p = vec![0.0; m + 1];
    p[m] = (0..m).map(|i| (a + i as f64) / (a + b + i as f64)).product();
    for k in (0..m).rev() {
        let (left, k_) = ((m - k) as f64, k as f64);
        p[k] = p[k + 1] * (k_ + 1.0) * (left - 1.0 + b) / (left * (k_ + a));
    }
    p
}

/// Pearson's statistic of counts of covered examples against probabilities, in bins of at least 30 expected, and the
/// value that it exceeds with probability 1e-6 (Wilson & Hilferty 1931).
fn chi_squared(covered: &[usize], p: &[f64]) -> (f64, f64) {
    let total = covered.len() as f64;
    let (mut statistic, mut bins, mut left) = (0.0, 0.0, total);
    let (mut expected, mut found) = (0.0, 0.0);
    for (k, p) in p.iter().enumerate() {
        expected += p * total;
        found += covered.iter().filter(|covered| **covered == k).count() as f64;
        // The last bin takes what would be too little for one of its own.
        if (expected >= 30.0 && left - expected >= 30.0) || k == M {
            statistic += (found - expected) * (found - expected) / expected;
            bins += 1.0;
            left -= expected;
            (expected, found) = (0.0, 0.0);
        }
    }
    let df: f64 = bins - 1.0;
    let part = 2.0 / (9.0 * df);
    (statistic, df * (1.0 - part + 4.753 * part.sqrt()).powi(3))
}

/// Checks the counts of covered examples of `M` after calibration on `n`.
fn follows_theory(what: &str, covered: &[usize], n: usize) {
    let l = ((n + 1) as f64 * ALPHA + 1e-9).floor();
    let (a, b) = ((n + 1) as f64 - l, l);
    let (statistic, limit) = chi_squared(covered, &beta_binomial(M, a, b));
    assert!(statistic < limit, "{what}: chi² {statistic} of at most {limit}");
    // Without the correction for finite samples the rank would be one lower, and the test would see it.
    let (statistic, limit) = chi_squared(covered, &beta_binomial(M, a - 1.0, b + 1.0));
    assert!(statistic > limit, "{what}: the test can't tell one rank from the next");
}

/// Counts of covered examples of `SETS` calibration sets; `one` makes a set's predictor and tells which are covered.
fn counts(mut one: impl FnMut() -> Vec<bool>) -> Vec<usize> {
    (0..SETS).map(|_| one().into_iter().filter(|inside| *inside).count()).collect()
}

/// Probabilities of four classes that are not the truth's, and labels.
fn classified(stream: &Stream, count: usize) -> (Tensor, Tensor) {
    let logits = normals(stream, &[count as i64, 4]) * 1.5;
    let gumbel = -(-(uniforms(stream, &[count as i64, 4]) + 1e-12).log()).log();
    ((&logits * 1.3).softmax(-1, None), (logits * 0.6 + gumbel).argmax(-1, false))
}

fn coverage_of_classes<S: Score<Region = Sets>>(score: fn() -> S) -> Vec<usize> {
    let stream = Stream::new();
    counts(|| {
        let (p, y) = classified(&stream, N + M);
        let (n, m) = (N as i64, M as i64);
        let set = HeldOut::new(p.narrow(0, 0, n), y.narrow(0, 0, n)).unwrap();
        let conformal = Conformal::fit(score(), set, ALPHA).unwrap();
        conformal.predict(&p.narrow(0, n, m)).unwrap().contains(&y.narrow(0, n, m)).unwrap()
    })
}

#[test]
fn sets_of_classes_have_the_coverage_that_they_must() {
    manual_seed(31);
    follows_theory("LAC", &coverage_of_classes(|| Lac), N);
    follows_theory("APS", &coverage_of_classes(Aps::new), N);
    follows_theory("RAPS", &coverage_of_classes(|| Aps::regularised(0.1, 1).unwrap()), N);
    // Without its random part the last class always scores 1: such ties cover more often, never less.
    let whole: Vec<f64> =
        coverage_of_classes(|| Aps::new().whole()).into_iter().map(|k| k as f64 / M as f64).collect();
    let mean = whole.iter().sum::<f64>() / SETS as f64;
    assert!(mean > 1.0 - ALPHA && mean < 1.0, "{mean}");
}

/// Inputs, and targets with a noise that grows with the input.
fn regression(stream: &Stream, count: usize) -> (Tensor, Tensor) {
    let x = uniforms(stream, &[count as i64]) * 4.0;
    let y = x.sin() + normals(stream, &[count as i64]) * (&x * 0.2 + 0.1);
    (x, y)
}

fn coverage_of_numbers<S: Score<Region = Intervals>>(
    score: fn() -> S,
    net: fn(&Tensor) -> Tensor,
) -> Vec<usize> {
    let stream = Stream::new();
    counts(|| {
        let ((x, y), (new_x, new_y)) = (regression(&stream, N), regression(&stream, M));
        let conformal = Conformal::fit(score(), HeldOut::new(net(&x), y).unwrap(), ALPHA).unwrap();
        conformal.predict(&net(&new_x)).unwrap().contains(&new_y).unwrap()
    })
}

#[test]
fn intervals_have_the_coverage_that_they_must() {
    manual_seed(32);
    follows_theory("residuals", &coverage_of_numbers(|| Residual, |x| x.sin() * 0.9), N);
    let spread = |x: &Tensor| Tensor::stack(&[x.sin(), x * 0.1 + 0.2], 1);
    follows_theory("normalised", &coverage_of_numbers(|| Normalised, spread), N);
    let quantiles = |x: &Tensor| Tensor::stack(&[x.sin() - x * 0.3, x.sin() + x * 0.3 + 0.1], 1);
    follows_theory("CQR", &coverage_of_numbers(|| Cqr, quantiles), N);
}

#[test]
fn each_group_has_the_coverage_that_it_must() {
    manual_seed(33);
    let stream = Stream::new();
    let mut plain = Vec::new();
    let mut of_group = |group: i64| {
        counts(|| {
            // The second group is three times as noisy, with half as many calibration examples.
            let sizes = [N, 29];
            let groups: Vec<i64> =
                std::iter::repeat_n(0, sizes[0]).chain(std::iter::repeat_n(1, sizes[1])).collect();
            let scale = Tensor::from_slice(&groups).to_kind(Kind::Double) * 2.0 + 1.0;
            let y = normals(&stream, &[groups.len() as i64]) * scale;
            let set = || HeldOut::new(y.zeros_like(), y.shallow_clone()).unwrap();
            let mondrian = Mondrian::fit(Residual, set(), &groups, ALPHA).unwrap();
            let new = normals(&stream, &[M as i64]) * (2.0 * group as f64 + 1.0);
            let zeros = new.zeros_like();
            let whole = Conformal::fit(Residual, set(), ALPHA).unwrap().predict(&zeros).unwrap();
            plain.push(whole.coverage(&new).unwrap());
            mondrian.predict(&zeros, &vec![group; M]).unwrap().contains(&new).unwrap()
        })
    };
    follows_theory("group 0", &of_group(0), N);
    follows_theory("group 1", &of_group(1), 29);
    // One threshold for all covers one group too often, and the other too rarely.
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    assert!(mean(&plain[..SETS]) > 0.97 && mean(&plain[SETS..]) < 0.8);
}

#[test]
fn a_drifting_stream_misses_as_often_as_it_may() {
    manual_seed(34);
    let stream = Stream::new();
    let steps = 4000;
    // The noise grows tenfold along the stream.
    let scale = Tensor::linspace(0.0, 1.0, steps, F64) * 9.0 + 1.0;
    let y = normals(&stream, &[steps]) * scale;
    let set = || HeldOut::new(Tensor::zeros([100], F64), normals(&stream, &[100])).unwrap();
    let (alpha, rate) = (0.1, 0.02);
    let mut adaptive = Adaptive::fit(Residual, set(), alpha, rate, 300).unwrap();
    let misses = adaptive.observe(&y.zeros_like(), &y).unwrap();
    // Proposition 4.1 holds for every sequence, from the first example on.
    let mut missed = 0.0;
    for (t, miss) in misses.iter().enumerate() {
        missed += f64::from(u8::from(*miss));
        let t = (t + 1) as f64;
        assert!((missed / t - alpha).abs() <= (1.0 - alpha + rate) / (t * rate) + 1e-9, "after {t}");
    }
    let fixed = Conformal::fit(Residual, set(), alpha).unwrap().predict(&y.zeros_like()).unwrap();
    assert!(fixed.coverage(&y).unwrap() < 0.6);
    // The last quarter alone: a share of misses near alpha, whatever came before.
    let last = share(&misses[3000..]);
    assert!((last - alpha).abs() <= (1.0 + 2.0 * rate) / (1000.0 * rate) + 1e-9, "{last}");
}

#[test]
fn p_values_are_uniform_and_discoveries_mostly_true() {
    manual_seed(35);
    let stream = Stream::new();
    let (known, tests, strange, rate) = (199, 50, 10, 0.2);
    let (mut false_share, mut found, mut low) = (Vec::new(), 0, 0);
    for _ in 0..SETS {
        let set = HeldOut::unlabelled(normals(&stream, &[known])).unwrap();
        let outliers = Outliers::fit(set, |scores| Ok(scores.shallow_clone())).unwrap();
        let mut shift = vec![0.0; tests - strange];
        shift.extend(vec![3.5; strange]);
        let p = outliers.p_values(&(normals(&stream, &[tests as i64]) + Tensor::from_slice(&shift))).unwrap();
        low += usize::from(p[0] <= 0.1);
        let rejected = benjamini_hochberg(&p, rate).unwrap();
        let wrong = rejected[..tests - strange].iter().filter(|r| **r).count();
        let all = rejected.iter().filter(|r| **r).count();
        found += all - wrong;
        false_share.push(wrong as f64 / all.max(1) as f64);
    }
    // P(p <= 20 / 200) is 0.1 exactly: five standard errors of a share.
    assert!((low as f64 / SETS as f64 - 0.1).abs() < 5.0 * (0.09 / SETS as f64).sqrt(), "{low}");
    let mean = false_share.iter().sum::<f64>() / SETS as f64;
    let variance = false_share.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / SETS as f64;
    assert!(mean < rate + 5.0 * (variance / SETS as f64).sqrt(), "false discoveries {mean}");
    // It is not kept by finding nothing.
    assert!(found as f64 > 0.7 * (SETS * strange) as f64, "{found} found");
}

#[test]
fn ranks_by_hand() {
    let scores: Vec<f64> = (1..=19).map(f64::from).collect();
    // 20 · 0.9 = 18; 20 · 0.95 = 19; 20 · 0.97 = 19.4: there is no twentieth.
    assert_eq!([0.1, 0.05, 0.03].map(|alpha| at_rank(&scores, alpha)), [18.0, 19.0, f64::INFINITY]);
    assert_eq!(
        [1.0, 1.2, -0.1].map(|a| at_rank(&scores, a)),
        [f64::NEG_INFINITY, f64::NEG_INFINITY, f64::INFINITY]
    );
    // Products that rounding lifts over a whole number keep their rank.
    for n in 1..200usize {
        let scores: Vec<f64> = (1..=n).map(|k| k as f64).collect();
        for k in 1..=n {
            let alpha = 1.0 - k as f64 / (n + 1) as f64;
            assert_eq!(at_rank(&scores, alpha), k as f64, "{k} of {n}");
        }
    }
}

#[test]
fn sets_by_hand() {
    let p = Tensor::from_slice(&[0.5, 0.2, 0.3, 0.1, 0.1, 0.8]).reshape([2, 3]);
    let y = Tensor::from_slice(&[2i64, 2]);
    let close = |a: Vec<f64>, b: [f64; 2]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(close(Lac.of_targets(&p, &y).unwrap(), [0.7, 0.2]));
    let aps = Aps::new().whole();
    assert!(close(aps.of_targets(&p, &y).unwrap(), [0.8, 0.8]));
    let sets = aps.region(&p, &[0.85, 0.85]).unwrap();
    assert_eq!(sets.classes(), [vec![0, 2], vec![2]]);
    assert_eq!((sets.sizes(), sets.mean_size()), (vec![2, 1], 1.5));
    assert_eq!(sets.coverage(&Tensor::from_slice(&[1i64, 2])).unwrap(), 0.5);
    // The first class is free, each further one costs 0.4.
    let raps = Aps::regularised(0.4, 1).unwrap().whole();
    assert!(close(raps.of_targets(&p, &y).unwrap(), [1.2, 0.8]));
    assert_eq!(raps.region(&p, &[f64::INFINITY, f64::NEG_INFINITY]).unwrap().sizes(), [3, 0]);
    assert!(Aps::regularised(-1.0, 0).is_err() && Lac.of_targets(&(&p * 2.0), &y).is_err());
    assert!(sets.contains(&y.narrow(0, 0, 1)).is_err() && Lac.region(&p, &[0.5]).is_err());
}

#[test]
fn intervals_by_hand() {
    let (f, y) = (Tensor::from_slice(&[1.0, 5.0]), Tensor::from_slice(&[2.0, 2.0]));
    assert_eq!(Residual.of_targets(&f, &y).unwrap(), [1.0, 3.0]);
    let pairs = Tensor::from_slice(&[1.0, 0.5, 5.0, 2.0]).reshape([2, 2]);
    assert_eq!(Normalised.of_targets(&pairs, &y).unwrap(), [2.0, 1.5]);
    assert_eq!(Normalised.region(&pairs, &[2.0, 1.0]).unwrap().ends(), [(0.0, 2.0), (3.0, 7.0)]);
    let quantiles = Tensor::from_slice(&[1.0, 4.0, 3.0, 6.0]).reshape([2, 2]);
    // One inside of 1 to 4 by 1, one outside of 3 to 6 by 1.
    assert_eq!(Cqr.of_targets(&quantiles, &y).unwrap(), [-1.0, 1.0]);
    let intervals = Cqr.region(&quantiles, &[-2.0, 0.5]).unwrap();
    assert_eq!(intervals.ends(), [(2.5, 2.5), (2.5, 6.5)]);
    assert_eq!((intervals.mean_width(), intervals.coverage(&y).unwrap()), (2.0, 0.0));
    assert!(Normalised.of_targets(&(&pairs * 0.0), &y).is_err());
    assert!(Residual.of_targets(&pairs, &y).is_err() && Cqr.of_targets(&f, &y).is_err());
    assert!(Residual.of_targets(&(&f * f64::NAN), &y).is_err());
}

#[test]
fn settings_out_of_range_are_said() {
    let set = || HeldOut::new(Tensor::zeros([4], F64), Tensor::ones([4], F64)).unwrap();
    for alpha in [0.0, 1.0, f64::NAN] {
        assert!(Conformal::fit(Residual, set(), alpha).is_err());
    }
    // Four examples are too few for 10 %.
    assert_eq!(Conformal::fit(Residual, set(), 0.1).unwrap().threshold(), f64::INFINITY);
    assert!(Mondrian::fit(Residual, set(), &[0, 1], 0.1).is_err());
    assert_eq!(Mondrian::fit(Residual, set(), &[0; 4], 0.5).unwrap().threshold(7), f64::INFINITY);
    assert!(Adaptive::fit(Residual, set(), 0.1, 0.0, 10).is_err());
    assert!(Adaptive::fit(Residual, set(), 0.1, 0.1, 0).is_err());
    assert!(benjamini_hochberg(&[0.1, 1.5], 0.1).is_err() && benjamini_hochberg(&[0.1], 0.0).is_err());
    // 0.03 is above its own step 2 · 0.05 / 4, but the third, 0.037, is within 3 · 0.05 / 4.
    let p = [0.037, 0.9, 0.01, 0.03];
    assert_eq!(benjamini_hochberg(&p, 0.05).unwrap(), [true, false, true, true]);
    assert_eq!(benjamini_hochberg(&[0.03, 0.9], 0.05).unwrap(), [false, false]);
}
