//! Quantiles, intervals and uncertainty where a float runs out, and of counts. Reference numbers are SciPy's.

use tch::{Device, Kind, Tensor};

use super::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// The interval of counts at `level`, and how much of the mixture of Poissons of these log rates it holds.
fn interval_of_counts(log_rates: &[f32], level: f64) -> (f64, f64, f64) {
    let outputs = Tensor::from_slice(log_rates).reshape([-1, 1, 1]);
    let (low, high) = Poisson.interval(&outputs, level).unwrap();
    let (low, high) = (low.double_value(&[0, 0]), high.double_value(&[0, 0]));
    let outputs = outputs.to_kind(Kind::Double);
    let below = |y: f64| {
        let each = Poisson.cdf(&outputs, &Tensor::from(y)).unwrap();
        each.mean(Kind::Double).double_value(&[])
    };
    (low, high, below(high) - below(low - 1.0))
}

#[test]
fn intervals_of_counts_are_counts_and_hold_at_least_their_level() {
    for (rate, level, ends) in [
        (0.5f32, 0.9, (0.0, 2.0)),
        (0.5, 0.99, (0.0, 3.0)),
        (3.0, 0.9, (1.0, 6.0)),
        (3.0, 0.99, (0.0, 8.0)),
        (40.0, 0.9, (30.0, 51.0)),
        (40.0, 0.99, (25.0, 57.0)),
    ] {
        let (low, high, held) = interval_of_counts(&[rate.ln()], level);
        assert_eq!((low, high), ends, "rate {rate}, level {level}");
        assert!(held >= level, "rate {rate}: {held} of {level}");
    }
    // Mixtures, of rates far apart and of one near none; and counts that a float has not, where their steps are small.
    for log_rates in [&[0.0f32, 6.0][..], &[-30.0, 1.0, 2.0], &[20.0], &[20.0, 20.001]] {
        for level in [0.01, 0.5, 0.9, 0.999] {
            let (low, high, held) = interval_of_counts(log_rates, level);
            assert!(low.fract() == 0.0 && high.fract() == 0.0 && low >= 0.0);
            assert!(held >= level, "{log_rates:?}: {held} of {level}");
        }
    }
}

#[test]
fn a_reference_to_a_likelihood_is_the_likelihood() {
    /// A likelihood whose every provided method is its own.
    #[derive(Debug)]
    struct Own;
    impl Likelihood for Own {
        fn log_likelihood(&self, _: &Tensor, _: &Tensor) -> Result<Tensor> {
            Ok(Tensor::from(1.0))
        }
        fn mean(&self, _: &Tensor) -> Tensor {
            Tensor::from(2.0)
        }
        fn variance(&self, _: &Tensor) -> Tensor {
            Tensor::from(3.0)
        }
        fn cdf(&self, _: &Tensor, _: &Tensor) -> Option<Tensor> {
            Some(Tensor::from(4.0))
        }
        fn sample(&self, _: &Tensor, _: Key) -> Result<Tensor> {
            Ok(Tensor::from(5.0))
        }
        fn log_predictive(&self, _: &Tensor, _: &Tensor) -> Result<Tensor> {
            Ok(Tensor::from(6.0))
        }
        fn uncertainty(&self, _: &Tensor) -> Uncertainty {
            let [total, aleatoric, epistemic] = [7.0, 8.0, 9.0].map(Tensor::from);
            Uncertainty { total, aleatoric, epistemic }
        }
        fn quantile(&self, _: &Tensor, _: f64) -> Result<Tensor> {
            Ok(Tensor::from(10.0))
        }
        fn interval(&self, _: &Tensor, _: f64) -> Result<(Tensor, Tensor)> {
            Ok((Tensor::from(11.0), Tensor::from(12.0)))
        }
        fn named_variables(&self) -> Vec<(String, Tensor)> {
            vec![("own".to_owned(), Tensor::from(13.0))]
        }
    }
    fn answers(likelihood: impl Likelihood) -> Vec<f64> {
        let x = Tensor::zeros([1, 1, 1], FLOAT);
        let Uncertainty { total, aleatoric, epistemic } = likelihood.uncertainty(&x);
        let (low, high) = likelihood.interval(&x, 0.9).unwrap();
        let all = [
            likelihood.log_likelihood(&x, &x).unwrap(),
            likelihood.mean(&x),
            likelihood.variance(&x),
            likelihood.cdf(&x, &x).unwrap(),
            likelihood.sample(&x, Key { seed: 0, stream: 0, draw: 0 }).unwrap(),
            likelihood.log_predictive(&x, &x).unwrap(),
            total,
            aleatoric,
            epistemic,
            likelihood.quantile(&x, 0.5).unwrap(),
            low,
            high,
            likelihood.named_variables().remove(0).1,
        ];
        all.iter().map(|tensor| tensor.double_value(&[])).collect()
    }
    assert_eq!(answers(&Own), (1..=13).map(f64::from).collect::<Vec<_>>());
}

#[test]
fn large_counts_have_an_uncertainty_and_quantiles() {
    // Rates beyond what a float holds: two draws, whose variance of means is (difference / 2)^2.
    let outputs = Tensor::from_slice(&[90f32, 91.0]).reshape([2, 1, 1]);
    let parts = Poisson.uncertainty(&outputs);
    let (low, high) = (90f64.exp(), 91f64.exp());
    let relative = |a: &Tensor, b: f64| (a.double_value(&[0]) / b - 1.0).abs();
    assert!(relative(&parts.aleatoric, (low + high) / 2.0) < 1e-12);
    assert!(relative(&parts.epistemic, ((high - low) / 2.0).powi(2)) < 1e-12);
    // The middle of one Poisson of so high a rate is its rate, to its relative spread of 1e-20.
    let middle = Poisson.quantile(&outputs.narrow(0, 0, 1), 0.5).unwrap();
    assert!((middle.double_value(&[0, 0]) / low - 1.0).abs() < 1e-9);
    let drawn = Poisson.sample(&outputs, Key { seed: 1, stream: 1, draw: 1 }).unwrap();
    assert!(drawn.isnan().any().int64_value(&[]) == 0);
}

#[test]
fn the_tails_of_students_t_are_those_of_the_distribution() {
    let cdf = |dof: f64, z: f64| {
        let z = Tensor::from(z).to_kind(Kind::Double);
        StudentT::fixed(dof, 1.0).unwrap().cdf(&z.zeros_like(), &z).unwrap().double_value(&[])
    };
    for (dof, z, expected) in [
        (2.1, -2000.0, 6.249890941804857e-08),
        (2.5, -300.0, 4.614441830976745e-07),
        (3.0, -60.0, 5.0997968366598774e-06),
        (3.0, -1.0, 0.19550110947788524),
        (5.0, -13.0, 2.4011014005089187e-05),
        (30.0, -6.0, 6.971384383602382e-07),
        (100.0, -6.0, 1.586245751401426e-08),
        (1000.0, -5.0, 3.3836281823243174e-07),
    ] {
        let p = cdf(dof, z);
        assert!((p / expected - 1.0).abs() < 1e-6, "{dof}, {z}: {p} is not {expected}");
        assert!((1.0 - cdf(dof, -z) - p).abs() < 1e-15);
    }
    assert!((cdf(4.0, 0.0) - 0.5).abs() < 1e-15);
    // Outputs in f32, of the scale learned in f32, which has 2 in it to half a unit of its last place.
    let zero = Tensor::zeros([1, 1, 1], FLOAT);
    let vs = tch::nn::VarStore::new(Device::Cpu);
    for (dof, q, expected) in [
        (2.5, 1e-6, -220.17342917823686),
        (2.5, 1e-4, -34.86796932111477),
        (2.5, 0.999, 13.82219311086596),
        (5.0, 1e-6, -24.771029720515948),
        (5.0, 1e-4, -9.677566300882592),
        (5.0, 0.999, 5.893429531356009),
        (30.0, 1e-6, -5.871117120418882),
        (30.0, 1e-4, -4.233985957272021),
        (30.0, 0.999, 3.3851848668293045),
    ] {
        let fixed = StudentT::fixed(dof, 2.0).unwrap();
        let learned =
            StudentT::learned(vs.root() / format!("{dof}, {q}").replace('.', "_"), dof, 2.0).unwrap();
        for likelihood in [fixed, learned] {
            let at = likelihood.quantile(&zero, q).unwrap().double_value(&[0, 0]);
            assert!((at / (2.0 * expected) - 1.0).abs() < 1e-6, "{dof}, {q}: {at} is not {}", 2.0 * expected);
        }
    }
}
