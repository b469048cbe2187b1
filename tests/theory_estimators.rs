//! Estimators and KL against theory: output moments, gradients, and the KL of each pair of posterior and prior.
//!
//! Bounds are in standard errors of the number of draws; seeds are fixed.

use illia::nn::{Conv1d, Conv2d, ConvConfig, Linear, LinearConfig};
use illia::{Estimator, Posterior, Prior, RandomParameter, inverse_softplus, manual_seed};
use tch::nn::{Init, Module, VarStore};
use tch::{Device, Kind, Tensor};

const ESTIMATORS: [Estimator; 3] =
    [Estimator::Reparameterization, Estimator::LocalReparameterization, Estimator::Flipout];
const DRAWS: i64 = 10_000;
/// Some hundred comparisons are made in all; beyond 5 standard errors lies one in 1.7 million.
const ERRORS: f64 = 5.0;
/// Tests run side by side: more threads within each only wait for each other.
fn start(seed: u64) {
    tch::set_num_threads(1);
    manual_seed(seed);
}

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

/// Means and widths all of one order, so that every element's variance counts.
fn posterior() -> Posterior {
    Posterior::Gaussian {
        mu: Init::Randn { mean: 0.2, stdev: 0.5 },
        rho: Init::Randn { mean: inverse_softplus(0.4), stdev: 0.3 },
    }
}

fn input(shape: &[i64]) -> Tensor {
    illia::noise::normals(illia::noise::Key { seed: 9, stream: 1, draw: 0 }, shape, Kind::Float, Device::Cpu)
}

/// A layer with what theory says of its outputs' mean and variance.
struct Case {
    layer: Box<dyn Module>,
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    loss_exact: Box<dyn Fn(&Tensor) -> Tensor>,
    variables: Vec<Tensor>,
}

fn cases(estimator: Estimator, batch: i64) -> Vec<(&'static str, Case)> {
    vec![
        ("Linear", linear(estimator, batch)),
        ("Conv1d", conv1d(estimator, batch)),
        ("Conv2d", conv2d(estimator, batch)),
    ]
}

/// `map(x, w, b)` is the layer's linear map: what theory needs of it.
fn case(
    vs: &VarStore,
    layer: impl Module + 'static,
    x: Tensor,
    map: impl Fn(&Tensor, &Tensor, &Tensor) -> Tensor + 'static,
) -> Case {
    let variables = vs.variables();
    let get = |name: &str| variables[name].shallow_clone();
    let (mu, rho, b_mu, b_rho) = (get("weight.mu"), get("weight.rho"), get("bias.mu"), get("bias.rho"));
    let list = vec![mu.shallow_clone(), rho.shallow_clone(), b_mu.shallow_clone(), b_rho.shallow_clone()];
    let at = x.shallow_clone();
    let moments = move || {
        let mean = map(&at, &mu, &b_mu);
        (mean, map(&at.square(), &rho.softplus().square(), &b_rho.softplus().square()))
    };
    let (mean, variance) = moments();
    // E (y - t)^2 = (m - t)^2 + v, element by element.
    let loss_exact = move |target: &Tensor| {
        let (mean, variance) = moments();
        ((mean - target).square() + variance).sum(Kind::Float)
    };
    let (mean, variance) = (mean.detach(), variance.detach());
    Case { layer: Box::new(layer), x, mean, variance, loss_exact: Box::new(loss_exact), variables: list }
}

fn linear(estimator: Estimator, batch: i64) -> Case {
    let vs = VarStore::new(Device::Cpu);
    let config = LinearConfig { posterior: posterior(), estimator, ..Default::default() };
    let layer = Linear::new(vs.root(), 4, 3, config);
    let x = input(&[batch, 4]);
    case(&vs, layer, x, |x, w, b| x.linear(w, Some(b)))
}

fn conv1d(estimator: Estimator, batch: i64) -> Case {
    let vs = VarStore::new(Device::Cpu);
    let config = ConvConfig { posterior: posterior(), estimator, stride: 2.into(), ..Default::default() };
    let layer = Conv1d::new(vs.root(), 2, 2, 3, config);
    let x = input(&[batch, 2, 5]);
    case(&vs, layer, x, |x, w, b| x.conv1d(w, Some(b), [2], [0], [1], 1))
}

fn conv2d(estimator: Estimator, batch: i64) -> Case {
    let vs = VarStore::new(Device::Cpu);
    let config = ConvConfig { posterior: posterior(), estimator, padding: 1.into(), ..Default::default() };
    let layer = Conv2d::new(vs.root(), 2, 2, 3, config);
    let x = input(&[batch, 2, 3, 2]);
    case(&vs, layer, x, |x, w, b| x.conv2d(w, Some(b), [1, 1], [1, 1], [1, 1], 1))
}

/// All draws' outputs, `[draws, ..]`, in f64.
fn outputs(case: &Case, draws: i64) -> Tensor {
    tch::no_grad(|| {
        let each: Vec<Tensor> = (0..draws).map(|_| case.layer.forward(&case.x)).collect();
        Tensor::stack(&each, 0).to_kind(Kind::Double)
    })
}

/// The largest |a - b| / error.
fn worst(a: &Tensor, b: &Tensor, error: &Tensor) -> f64 {
    ((a - b).abs() / error).max().double_value(&[])
}

#[test]
fn outputs_have_the_mean_and_variance_of_theory() {
    for estimator in ESTIMATORS {
        start(11);
        for (name, case) in cases(estimator, 3) {
            let y = outputs(&case, DRAWS);
            let n = DRAWS as f64;
            let (mean, variance) = (case.mean.to_kind(Kind::Double), case.variance.to_kind(Kind::Double));
            let off = worst(&y.mean_dim(0i64, false, Kind::Double), &mean, &(&variance / n).sqrt());
            assert!(off < ERRORS, "{estimator:?}, {name}: the mean is off by {off} standard errors");
            // Each output is exactly Gaussian, so its sample variance has the standard error v sqrt(2 / (n - 1)).
            let off =
                worst(&y.var_dim(0i64, true, false), &variance, &(&variance * (2.0 / (n - 1.0)).sqrt()));
            assert!(off < ERRORS, "{estimator:?}, {name}: the variance is off by {off} standard errors");
        }
    }
}

#[test]
fn gradients_are_unbiased() {
    let draws = 1500;
    for estimator in ESTIMATORS {
        start(12);
        for (name, case) in cases(estimator, 2) {
            let target = case.mean.full_like(0.5);
            let exact = Tensor::run_backward(&[(case.loss_exact)(&target)], &case.variables, false, false);
            let mut sums: Vec<(Tensor, Tensor)> = exact
                .iter()
                .map(|g| (g.zeros_like().to_kind(Kind::Double), g.zeros_like().to_kind(Kind::Double)))
                .collect();
            for _ in 0..draws {
                let loss = (case.layer.forward(&case.x) - &target).square().sum(Kind::Float);
                let gradients = Tensor::run_backward(&[loss], &case.variables, false, false);
                for ((sum, square), g) in sums.iter_mut().zip(gradients) {
                    let g = g.to_kind(Kind::Double);
                    *square += g.square();
                    *sum += g;
                }
            }
            let n = f64::from(draws);
            for (which, ((sum, square), exact)) in sums.iter().zip(&exact).enumerate() {
                let mean = sum / n;
                let error = ((square / n - mean.square()) / n).sqrt();
                let off = worst(&mean, &exact.to_kind(Kind::Double), &error);
                // 4, as the project promises; about 200 comparisons, of which one in 16 000 lies beyond by chance.
                assert!(off < 4.0, "{estimator:?}, {name}, variable {which}: off by {off} standard errors");
            }
        }
    }
}

/// The correlation over draws of two elements of the outputs, and its standard error where it is 0.
fn correlation(y: &Tensor, a: &[i64], b: &[i64]) -> f64 {
    let pick = |at: &[i64]| {
        let element = at.iter().fold(y.shallow_clone(), |t, &i| t.select(1, i));
        &element - element.mean(Kind::Double)
    };
    let (a, b) = (pick(a), pick(b));
    let covariance = (&a * &b).mean(Kind::Double);
    (covariance / (a.square().mean(Kind::Double) * b.square().mean(Kind::Double)).sqrt()).double_value(&[])
}

#[test]
fn the_examples_of_a_batch_share_a_draw_only_without_an_estimator_that_splits_them() {
    for (estimator, shared) in ESTIMATORS.into_iter().zip([true, false, false]) {
        start(13);
        let vs = VarStore::new(Device::Cpu);
        let config = LinearConfig { posterior: posterior(), estimator, bias: false, ..Default::default() };
        let layer = Linear::new(vs.root(), 4, 2, config);
        // Twice the same example: with one draw its outputs are equal.
        let x = Tensor::from_slice(&[1f32, -0.5, 2.0, 0.3]).repeat([2, 1]);
        let each: Vec<Tensor> = tch::no_grad(|| (0..DRAWS).map(|_| layer.forward(&x)).collect());
        let y = Tensor::stack(&each, 0).to_kind(Kind::Double);
        let r = correlation(&y, &[0, 0], &[1, 0]);
        if shared {
            assert!(r > 0.999, "{estimator:?}: {r}");
        } else {
            assert!(r.abs() < ERRORS / (DRAWS as f64).sqrt(), "{estimator:?}: {r}");
        }
    }
}

#[test]
fn flipout_keeps_one_function_for_all_pixels_of_an_example() {
    start(14);
    let vs = VarStore::new(Device::Cpu);
    let config = ConvConfig {
        posterior: posterior(),
        estimator: Estimator::Flipout,
        bias: false,
        ..Default::default()
    };
    let layer = Conv2d::new(vs.root(), 1, 1, 1, config);
    // A 1x1 kernel makes every pixel the same multiple of the input: equal pixels are equal in every draw.
    let x = Tensor::ones([2, 1, 3, 3], FLOAT);
    let y = layer.forward(&x);
    let spread = y.flatten(1, -1).std_dim(1i64, false, false).max().double_value(&[]);
    assert!(spread < 1e-6, "{spread}");
    let each: Vec<Tensor> = tch::no_grad(|| (0..DRAWS).map(|_| layer.forward(&x).flatten(1, -1)).collect());
    let r = correlation(&Tensor::stack(&each, 0).to_kind(Kind::Double), &[0, 0], &[1, 0]);
    assert!(r.abs() < ERRORS / (DRAWS as f64).sqrt(), "{r}");
}

const PRIORS: [Prior; 5] = [
    Prior::Gaussian { mean: 0.3, std: 0.7 },
    Prior::LearnedGaussian { std: 0.6 },
    Prior::Laplace { scale: 0.4 },
    Prior::ScaleMixture { pi: 0.3, std1: 1.0, std2: 0.1 },
    Prior::StudentT { dof: 3.0, scale: 0.5 },
];

/// log p(w), written down once more.
fn log_prior(prior: Prior, w: &Tensor) -> Tensor {
    let normal = |mean: f64, std: f64| {
        ((w - mean) / std).square() * -0.5 - std.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
    };
    match prior {
        Prior::Gaussian { mean, std } => normal(mean, std),
        Prior::LearnedGaussian { std } => normal(0.0, std),
        Prior::Laplace { scale } => -w.abs() / scale - (2.0 * scale).ln(),
        Prior::ScaleMixture { pi, std1, std2 } => {
            (normal(0.0, std1).exp() * pi + normal(0.0, std2).exp() * (1.0 - pi)).log()
        }
        // At three degrees of freedom the constant is 2 / (pi sqrt 3) by hand.
        Prior::StudentT { dof: 3.0, scale } => {
            let constant = 2.0 / (std::f64::consts::PI * 3f64.sqrt() * scale);
            ((w / scale).square() / 3.0 + 1.0).log() * -2.0 + constant.ln()
        }
        other => unreachable!("{other:?} is not among the pairs"),
    }
}

/// KL(N(mu, sigma²) ‖ prior) of one element by quadrature in f64.
fn by_quadrature(prior: Prior, mu: f64, sigma: f64) -> f64 {
    let step = 1e-3;
    let z = Tensor::arange_start_step(-9.0, 9.0, step, (Kind::Double, Device::Cpu));
    let log_standard = z.square() * -0.5 - 0.5 * (2.0 * std::f64::consts::PI).ln();
    let log_ratio = &log_standard - sigma.ln() - log_prior(prior, &(&z * sigma + mu));
    (log_standard.exp() * log_ratio).sum(Kind::Double).double_value(&[]) * step
}

fn gaussian_parameter(prior: Prior) -> (VarStore, RandomParameter, f64) {
    let vs = VarStore::new(Device::Cpu);
    let parameter = RandomParameter::new(vs.root(), "w", &[6], 6, prior, posterior()).unwrap();
    let sigma = parameter.sigma().unwrap();
    let exact = (0..6)
        .map(|i| by_quadrature(prior, parameter.mu().double_value(&[i]), sigma.double_value(&[i])))
        .sum();
    (vs, parameter, exact)
}

#[test]
fn the_exact_kl_is_the_integral() {
    start(15);
    for prior in &PRIORS[..3] {
        let (_vs, parameter, exact) = gaussian_parameter(*prior);
        let kl = parameter.kl().double_value(&[]);
        // f32 sums of six numbers of order one.
        assert!((kl - exact).abs() < 1e-4, "{prior:?}: {kl} against {exact}");
    }
}

#[test]
fn the_monte_carlo_kl_has_the_exact_one_as_its_mean() {
    start(16);
    for prior in PRIORS {
        let (_vs, parameter, exact) = gaussian_parameter(prior);
        let n = 4000;
        let draws: Vec<f64> = (0..n)
            .map(|_| {
                parameter.draw();
                parameter.kl_monte_carlo().double_value(&[])
            })
            .collect();
        let mean = draws.iter().sum::<f64>() / f64::from(n);
        let variance = draws.iter().map(|kl| (kl - mean).powi(2)).sum::<f64>() / f64::from(n - 1);
        let off = (mean - exact) / (variance / f64::from(n)).sqrt();
        assert!(off.abs() < 4.0, "{prior:?}: {mean} against {exact}, {off} standard errors");
        assert!(variance > 0.0, "{prior:?}: every draw gave the same");
    }
}

#[test]
fn a_point_and_dropout_pay_the_prior() {
    start(17);
    for prior in PRIORS {
        let vs = VarStore::new(Device::Cpu);
        let point = RandomParameter::new(vs.root(), "point", &[2, 3], 3, prior, Posterior::point()).unwrap();
        let density =
            |w: &Tensor| log_prior(prior, &w.to_kind(Kind::Double)).sum(Kind::Double).double_value(&[]);
        let close =
            |a: f64, b: f64| assert!((a - b).abs() < 1e-4 * b.abs().max(1.0), "{prior:?}: {a} against {b}");
        close(point.kl().double_value(&[]), -density(point.mu()));
        let p = 0.2;
        let dropout =
            RandomParameter::new(vs.root(), "dropout", &[2, 3], 3, prior, Posterior::dropout(p)).unwrap();
        let kept = density(&(dropout.mu() / (1.0 - p)));
        let dropped = density(&dropout.mu().zeros_like());
        close(dropout.kl().double_value(&[]), -(1.0 - p) * kept - p * dropped);
    }
}
