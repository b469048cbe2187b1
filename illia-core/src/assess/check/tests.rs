use tch::Device;

use super::*;
use crate::likelihood::{Bernoulli, Categorical, Gaussian, Poisson};
use crate::noise::{self, Key};

const D: (Kind, Device) = (Kind::Double, Device::Cpu);

fn key(draw: u64) -> Key {
    Key { seed: 5, stream: 9, draw }
}

fn normals(draw: u64, n: i64) -> Tensor {
    noise::normals(key(draw), &[n, 1], Kind::Double, Device::Cpu)
}

/// Two draws of a net whose outputs are `mean`.
fn prediction(mean: &Tensor) -> Prediction {
    Prediction::from_outputs(Tensor::stack(&[mean, mean], 0)).unwrap()
}

#[test]
fn numbers_as_they_were_predicted_and_not() {
    let (mean, noise) = (normals(0, 2000), Gaussian::fixed(0.5).unwrap());
    let observed = |std: f64, off: f64| &mean + normals(1, 2000) * std + off;
    let check = |y: &Tensor| Calibration::of(&prediction(&mean), &noise, y).unwrap();
    let right = check(&observed(0.5, 0.0));
    assert!(right.verdict().starts_with("calibrated"), "{right}");
    assert!(right.pit.as_ref().is_some_and(|pit| pit.p_value > 0.01) && right.reliability.is_none());
    for Coverage { level, observed, by_chance: (low, high) } in &right.coverage {
        // Exact binomial ranges: 1.96 standard deviations to a step of 1 / 2000.
        let sd = (level * (1.0 - level) / 2000.0).sqrt();
        assert!((low - (level - 1.96 * sd)).abs() < 1e-3 && (high - (level + 1.96 * sd)).abs() < 1e-3);
        assert!((low..=high).contains(&observed));
    }
    // Noise twice as large as said: 90 % intervals hold P(|z| < 0.8224) = 0.589.
    let sure = check(&observed(1.0, 0.0));
    let of_90 = sure.coverage[2].observed;
    assert!(sure.verdict().starts_with("too sure") && (of_90 - 0.589).abs() < 0.033, "{sure}");
    assert!(check(&observed(0.25, 0.0)).verdict().starts_with("too unsure"));
    // A twentieth of a standard deviation off in the mean shows in no interval, but here.
    let off = check(&observed(0.5, 0.05));
    assert!(off.pit.is_some_and(|pit| pit.p_value < 0.01));
    assert!((right.nll - (0.5 * (2.0 * std::f64::consts::PI * 0.25).ln() + 0.5)).abs() < 0.05);
    let bins = right.pit.unwrap().histogram(10);
    assert_eq!((bins.len(), bins.iter().sum::<usize>()), (10, 2000));
}

#[test]
fn counts_are_spread_within_their_steps() {
    let log_rate = normals(2, 3000) * 0.5;
    let y = Poisson.sample(&log_rate, key(3)).unwrap();
    let check = Calibration::of(&prediction(&log_rate), &Poisson, &y).unwrap();
    assert!(check.verdict().starts_with("calibrated"), "{check}");
    let more = Calibration::of(&prediction(&(&log_rate - 0.3)), &Poisson, &y).unwrap();
    assert!(!more.verdict().starts_with("calibrated"), "{more}");
}

#[test]
fn classes_and_yes_or_no() {
    let logits = noise::normals(key(4), &[2000, 3], Kind::Double, Device::Cpu);
    let y = Categorical.sample(&logits, key(5)).unwrap();
    let check = |factor: f64| Calibration::of(&prediction(&(&logits * factor)), &Categorical, &y).unwrap();
    assert!(check(1.0).verdict().starts_with("calibrated") && check(1.0).coverage.is_empty());
    assert!(check(3.0).verdict().starts_with("too sure"), "{}", check(3.0));
    assert!(check(0.3).verdict().starts_with("too unsure"), "{}", check(0.3));
    let logit = normals(6, 2000);
    let y = Bernoulli.sample(&logit, key(7)).unwrap();
    let yes = |factor: f64| Calibration::of(&prediction(&(&logit * factor)), &Bernoulli, &y).unwrap();
    assert!(yes(1.0).verdict().starts_with("calibrated"), "{}", yes(1.0));
    assert!(!yes(4.0).verdict().starts_with("calibrated"));
}

#[test]
fn a_second_set_of_the_same_kind_and_of_another() {
    let noise = Gaussian::fixed(0.1).unwrap();
    let spread = |at: u64, width: f64| {
        let draws: Vec<Tensor> = (0..20).map(|draw| normals(at + draw, 400) * width).collect();
        Prediction::from_outputs(Tensor::stack(&draws, 0)).unwrap()
    };
    let check = || Calibration::of(&spread(100, 1.0), &noise, &Tensor::zeros([400, 1], D)).unwrap();
    let same = check().against(&spread(200, 1.0), &noise).unwrap().shift.unwrap();
    for Difference { auroc, p_value } in [same.total, same.epistemic] {
        assert!(p_value > 0.01 && (auroc - 0.5).abs() < 0.06, "{same:?}");
    }
    let other = check().against(&spread(300, 1.5), &noise).unwrap().shift.unwrap();
    assert!(other.total.p_value < 1e-6 && other.epistemic.auroc > 0.8, "{other:?}");
}

#[test]
fn what_is_no_check_is_refused() {
    let (mean, noise) = (normals(0, 5), Gaussian::fixed(0.5).unwrap());
    assert!(Calibration::of(&prediction(&mean), &noise, &normals(0, 4)).is_err());
    assert!(Calibration::of(&prediction(&(&mean * f64::NAN)), &noise, &mean).is_err());
    assert!(Calibration::of(&prediction(&mean.narrow(0, 0, 0)), &noise, &mean.narrow(0, 0, 0)).is_err());
}
