//! Every likelihood against its own definition.

use tch::nn::VarStore;
use tch::{Device, Kind, Tensor};

use super::*;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

fn column(values: &[f64]) -> Tensor {
    Tensor::from_slice(values).unsqueeze(1)
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * b.abs().max(1.0), "{a} is not {b}");
}

/// The likelihoods of numbers, each with an output for one example of one number.
fn of_numbers() -> Vec<(Box<dyn Likelihood>, Vec<f64>)> {
    let vs = VarStore::new(Device::Cpu);
    vec![
        (Box::new(Gaussian::fixed(0.7).unwrap()), vec![0.4]),
        (Box::new(Gaussian::learned(vs.root(), 1.3).unwrap()), vec![-0.4]),
        (Box::new(HeteroscedasticGaussian), vec![0.4, -0.5]),
        (Box::new(StudentT::fixed(5.0, 0.6).unwrap()), vec![0.2]),
    ]
}

#[test]
fn densities_integrate_to_one_and_have_the_moments_and_cdf_they_say() {
    let step = 2e-3;
    let y = Tensor::arange_start_step(-60.0, 60.0, step, DOUBLE);
    for (likelihood, output) in of_numbers() {
        let output = Tensor::from_slice(&output).unsqueeze(0);
        let outputs = output.expand([y.numel() as i64, -1], false);
        let density =
            likelihood.log_likelihood(&outputs, &y.unsqueeze(1)).unwrap().exp().to_kind(Kind::Double);
        let integral = |f: &Tensor| (f * &density).sum(Kind::Double).double_value(&[]) * step;
        close(integral(&y.ones_like()), 1.0, 1e-5);
        let mean = likelihood.mean(&output).double_value(&[0, 0]);
        close(integral(&y), mean, 1e-4);
        // The tails beyond 60 of a t of five degrees of freedom hold less than 1e-4 of its variance.
        close(integral(&(&y - mean).square()), likelihood.variance(&output).double_value(&[0, 0]), 1e-3);
        for at in [-0.9, 0.3, 1.6] {
            let cdf = likelihood.cdf(&output, &column(&[at])).unwrap().double_value(&[0, 0]);
            close(integral(&y.lt(at).to_kind(Kind::Double)), cdf, 2e-3);
        }
    }
}

#[test]
fn probabilities_of_counts_and_classes_sum_to_one() {
    let rate = 3.7f64;
    let counts = Tensor::arange(80, DOUBLE);
    let outputs = counts.full_like(rate.ln()).unsqueeze(1);
    let p = Poisson.log_likelihood(&outputs, &counts.unsqueeze(1)).unwrap().exp();
    close(p.sum(Kind::Double).double_value(&[]), 1.0, 1e-9);
    close((&p * &counts).sum(Kind::Double).double_value(&[]), rate, 1e-9);
    close(p.double_value(&[2]), rate.powi(2) / 2.0 * (-rate).exp(), 1e-9);
    let cdf = Poisson.cdf(&column(&[rate.ln()]), &column(&[4.2])).unwrap().double_value(&[0, 0]);
    close(p.narrow(0, 0, 5).sum(Kind::Double).double_value(&[]), cdf, 1e-9);

    let logit = column(&[0.8, 0.8]);
    let p = Bernoulli.log_likelihood(&logit, &column(&[0.0, 1.0])).unwrap().exp();
    close(p.sum(Kind::Double).double_value(&[]), 1.0, 1e-12);
    close(p.double_value(&[1]), 1.0 / (1.0 + (-0.8f64).exp()), 1e-12);

    let logits = Tensor::from_slice(&[0.3, -1.0, 2.0]).repeat([3, 1]);
    let p = Categorical.log_likelihood(&logits, &Tensor::from_slice(&[0i64, 1, 2])).unwrap().exp();
    close(p.sum(Kind::Double).double_value(&[]), 1.0, 1e-12);
}

#[test]
fn an_example_of_several_numbers_sums_them() {
    let likelihood = Gaussian::fixed(2.0).unwrap();
    let (output, y) = (Tensor::zeros([3, 2], DOUBLE), Tensor::full([3, 2], 1.0, DOUBLE));
    let by_hand = 2.0 * (-0.125 - 2f64.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln());
    let each = likelihood.log_likelihood(&output, &y).unwrap();
    assert_eq!(each.size(), [3]);
    close(each.double_value(&[1]), by_hand, 1e-12);
}

#[test]
fn the_predictive_density_is_the_mean_of_the_draws_densities() {
    let outputs = Tensor::from_slice(&[0.0, 3.0]).reshape([2, 1, 1]);
    let likelihood = Gaussian::fixed(1.0).unwrap();
    let log_p = likelihood.log_predictive(&outputs, &column(&[1.0])).unwrap().double_value(&[0]);
    let normal = |z: f64| (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    close(log_p, ((normal(1.0) + normal(2.0)) / 2.0).ln(), 1e-12);
    // Far away each density underflows; their log does not.
    let far = likelihood.log_predictive(&outputs, &column(&[1e3])).unwrap().double_value(&[0]);
    close(far, -0.5 * 997f64.powi(2) - 0.5 * (2.0 * std::f64::consts::PI).ln() - 2f64.ln(), 1e-9);
}

#[test]
fn quantiles_of_the_mixture_have_that_much_of_it_below() {
    // Two draws, two examples: components far apart and close together.
    let means = [-3.0, 0.1, 5.0, 0.2];
    for likelihood in [
        Box::new(Gaussian::fixed(0.5).unwrap()) as Box<dyn Likelihood>,
        Box::new(StudentT::fixed(4.0, 0.5).unwrap()),
    ] {
        let outputs = Tensor::from_slice(&means).reshape([2, 2, 1]);
        for q in [0.001, 0.05, 0.4, 0.95] {
            let at = likelihood.quantile(&outputs, q).unwrap();
            assert_eq!(at.size(), [2, 1]);
            for i in 0..2 {
                let below: f64 = (0..2)
                    .map(|s| {
                        let y = column(&[at.double_value(&[i, 0])]);
                        let cdf = likelihood.cdf(&column(&[outputs.double_value(&[s, i, 0])]), &y);
                        cdf.unwrap().double_value(&[0, 0]) / 2.0
                    })
                    .sum();
                close(below, q, 1e-5);
            }
        }
        let (low, high) = likelihood.interval(&outputs, 0.9).unwrap();
        assert!(low.lt_tensor(&high).all().int64_value(&[]) != 0);
        assert!(likelihood.quantile(&outputs, 0.0).is_err() && likelihood.quantile(&outputs, 1.0).is_err());
    }
    assert!(Categorical.quantile(&Tensor::zeros([2, 1, 3], DOUBLE), 0.5).is_err());
}

#[test]
fn the_quantile_of_counts_is_the_smallest_that_suffices() {
    // P(Y <= 2) = 0.42319, P(Y <= 3) = 0.64723 at rate 3.
    let outputs = column(&[3f64.ln()]).unsqueeze(0);
    assert_eq!(Poisson.quantile(&outputs, 0.5).unwrap().double_value(&[0, 0]), 3.0);
    assert_eq!(Poisson.quantile(&outputs, 0.42).unwrap().double_value(&[0, 0]), 2.0);
}

#[test]
fn the_variance_of_numbers_splits_into_noise_and_disagreement() {
    // Two draws: means 1 and 3, noise of variance 0.25 and 1: mean of variances 0.625, variance of means 1.
    let rho = |std: f64| inverse_softplus(std);
    let outputs = Tensor::from_slice(&[1.0, rho(0.5), 3.0, rho(1.0)]).reshape([2, 1, 2]);
    let parts = HeteroscedasticGaussian.uncertainty(&outputs);
    close(parts.aleatoric.double_value(&[0]), 0.625, 1e-3);
    close(parts.epistemic.double_value(&[0]), 1.0, 1e-9);
    close(parts.total.double_value(&[0]), 1.625, 1e-3);
}

#[test]
fn the_entropy_of_classes_splits_into_noise_and_disagreement() {
    // Two draws that are sure of different classes: all disagreement.
    let sure = Tensor::from_slice(&[50.0, 0.0, 0.0, 50.0]).reshape([2, 1, 2]);
    let parts = Categorical.uncertainty(&sure);
    close(parts.total.double_value(&[0]), 2f64.ln(), 1e-9);
    close(parts.aleatoric.double_value(&[0]), 0.0, 1e-9);
    // Two draws that toss the same coin: all noise.
    let parts = Categorical.uncertainty(&Tensor::zeros([2, 1, 2], DOUBLE));
    close(parts.aleatoric.double_value(&[0]), 2f64.ln(), 1e-9);
    close(parts.epistemic.double_value(&[0]), 0.0, 1e-9);
    let parts = Bernoulli.uncertainty(&Tensor::from_slice(&[50.0, -50.0]).reshape([2, 1, 1]));
    close(parts.epistemic.double_value(&[0]), 2f64.ln(), 1e-9);
}

#[test]
fn a_target_of_another_shape_is_refused() {
    let flat = Tensor::zeros([4], DOUBLE);
    let tall = Tensor::zeros([4, 1], DOUBLE);
    let wide = Tensor::zeros([1, 4], DOUBLE);
    for (likelihood, output) in of_numbers() {
        let outputs = |shape: [i64; 2]| Tensor::zeros([shape[0], shape[1] * output.len() as i64], DOUBLE);
        // `[batch]` is what `[batch, 1]` means; `[1, batch]` or two columns are not.
        assert!(likelihood.log_likelihood(&outputs([4, 1]), &flat).is_ok());
        assert!(likelihood.log_likelihood(&outputs([4, 1]), &tall).is_ok());
        assert!(likelihood.log_likelihood(&outputs([4, 1]), &wide).is_err());
        assert!(likelihood.log_likelihood(&outputs([4, 2]), &tall).is_err());
        assert!(likelihood.log_likelihood(&outputs([4, 1]), &flat.narrow(0, 0, 3)).is_err());
    }
    let gaussian = Gaussian::fixed(1.0).unwrap();
    // Flat outputs against tall targets would broadcast to [4, 4].
    assert!(gaussian.log_likelihood(&flat, &tall).is_err());
    assert!(HeteroscedasticGaussian.log_likelihood(&Tensor::zeros([4, 3], DOUBLE), &flat).is_err());
    let labels = flat.to_kind(Kind::Int64);
    let logits = Tensor::zeros([4, 3], DOUBLE);
    assert!(Categorical.log_likelihood(&logits, &labels).is_ok());
    assert!(Categorical.log_likelihood(&logits, &labels.unsqueeze(1)).is_err());
    assert!(Categorical.log_likelihood(&logits, &flat).is_err());
    assert!(Categorical.log_likelihood(&logits, &(labels + 3)).is_err());
}

#[test]
fn values_that_a_distribution_does_not_have_are_refused() {
    let zero = column(&[0.0]);
    for bad in [-1.0, 0.5, f64::NAN, f64::INFINITY] {
        assert!(Poisson.log_likelihood(&zero, &column(&[bad])).is_err(), "Poisson took {bad}");
    }
    for bad in [-0.1, 1.1, f64::NAN] {
        assert!(Bernoulli.log_likelihood(&zero, &column(&[bad])).is_err(), "Bernoulli took {bad}");
    }
    let single = Tensor::zeros([1, 1], (Kind::Float, Device::Cpu));
    assert!(
        Poisson
            .log_likelihood(&single, &Tensor::full([1, 1], f64::INFINITY, (Kind::Float, Device::Cpu)))
            .is_err()
    );
    assert!(Gaussian::fixed(0.0).is_err() && StudentT::fixed(2.0, 1.0).is_err());
}

/// The mean and variance of `n` observations of each likelihood at the given output, against what it says of itself: within 5
/// standard errors, the variance's from the observations' fourth moment.
#[test]
fn observations_have_the_mean_and_variance_of_their_likelihood() {
    let n = 40_000i64;
    let mut cases: Vec<(Box<dyn Likelihood>, Vec<f64>)> = of_numbers();
    // Not the t of 5 degrees of freedom, whose empirical variance has an error without a variance.
    cases.pop();
    cases.push((Box::new(StudentT::fixed(12.0, 0.6).unwrap()), vec![-0.3]));
    cases.push((Box::new(Poisson), vec![1.2]));
    cases.push((Box::new(Poisson), vec![-2.0]));
    cases.push((Box::new(Bernoulli), vec![0.8]));
    for (i, (likelihood, output)) in cases.iter().enumerate() {
        let output = Tensor::from_slice(output).to_kind(Kind::Float).unsqueeze(0);
        let outputs = output.expand([n, -1], false).contiguous();
        let key = Key { seed: 5, stream: i as u64, draw: 0 };
        let y = likelihood.sample(&outputs, key).unwrap();
        assert_eq!(y, likelihood.sample(&outputs, key).unwrap(), "a key stands for its observations");
        assert_eq!(y.size(), [n, 1]);
        assert!(likelihood.log_likelihood(&outputs, &y).unwrap().isfinite().all().int64_value(&[]) == 1);
        let y = y.to_kind(Kind::Double);
        let moment = |p: i32| (&y - y.mean(Kind::Double)).pow_tensor_scalar(i64::from(p)).mean(Kind::Double);
        let (mean, variance) = (y.mean(Kind::Double).double_value(&[]), moment(2).double_value(&[]));
        let fourth = moment(4).double_value(&[]);
        let root = (n as f64).sqrt();
        let expected = likelihood.mean(&output).double_value(&[0, 0]);
        assert!(
            (mean - expected).abs() < 5.0 * variance.sqrt() / root,
            "{likelihood:?}: {mean}, not {expected}"
        );
        let expected = likelihood.variance(&output).double_value(&[0, 0]);
        let error = (fourth - variance * variance).sqrt() / root;
        assert!((variance - expected).abs() < 5.0 * error, "{likelihood:?}: {variance}, not {expected}");
    }
}

#[test]
fn observed_classes_have_their_probabilities() {
    let n = 40_000i64;
    let logits = Tensor::from_slice(&[0.3f32, -1.0, 1.2, f32::NEG_INFINITY]);
    let y =
        Categorical.sample(&logits.expand([n, 1, 4], false), Key { seed: 5, stream: 99, draw: 0 }).unwrap();
    assert_eq!((y.size(), y.kind()), (vec![n, 1], Kind::Int64));
    let p = logits.softmax(-1, Kind::Double);
    for class in 0..4 {
        let p = p.double_value(&[class]);
        let share = y.eq(class).to_kind(Kind::Double).mean(Kind::Double).double_value(&[]);
        let error = (p * (1.0 - p) / n as f64).sqrt();
        assert!((share - p).abs() <= 5.0 * error, "{class}: {share}, not {p}");
    }
    assert!(Categorical.sample(&Tensor::from_slice(&[1i64]), Key { seed: 0, stream: 0, draw: 0 }).is_err());
}
