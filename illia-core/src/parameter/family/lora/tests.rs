//! Adapters against theory: the distribution of W₀ + (alpha / rank) B A, in a step of training and elsewhere.

use tch::nn::{Init, Module, VarStore};
use tch::{Device, Kind, Tensor};

use super::super::in_training::outputs;
use crate::nn::{Conv2d, ConvConfig, Linear, LinearConfig};
use crate::{
    Adam, BayesianModule, Estimator, Fit, Posterior, Prior, RandomParameter, inverse_softplus, noise,
};

const DRAWS: i64 = 4000;
const ESTIMATORS: [Estimator; 4] = [
    Estimator::Automatic,
    Estimator::Reparameterization,
    Estimator::LocalReparameterization,
    Estimator::Flipout,
];

fn normals(stream: u64, shape: &[i64]) -> Tensor {
    noise::normals(noise::Key { seed: 3, stream, draw: 0 }, shape, Kind::Float, Device::Cpu)
}

fn adapter(rank: i64) -> Posterior {
    Posterior::Lora { rank, alpha: 3.0, rho: Init::Randn { mean: inverse_softplus(0.4), stdev: 0.3 } }
}

fn linear(vs: &VarStore, estimator: Estimator) -> Linear {
    let config = LinearConfig { posterior: adapter(2), estimator, ..Default::default() };
    let layer = Linear::new(vs.root(), 5, 3, config);
    give_b(&layer.weight);
    layer
}

/// B starts at 0, where nothing is random.
fn give_b(weight: &RandomParameter) {
    let b = weight.variables().get("lora_b").unwrap();
    tch::no_grad(|| b.shallow_clone().copy_(&normals(1, &b.size())));
}

fn within_errors(what: &str, given: &Tensor, expected: &Tensor, error: &Tensor) {
    let off = ((given - expected) / error).abs().max().double_value(&[]);
    // Some hundred comparisons; beyond 5 standard errors lies one in 1.7 million.
    assert!(off < 5.0, "{what}: {off} standard errors off");
}

#[test]
fn outputs_have_the_mean_and_the_variance_of_theory() {
    for estimator in ESTIMATORS {
        crate::manual_seed(7);
        let vs = VarStore::new(Device::Cpu);
        let layer = linear(&vs, estimator);
        let x = normals(2, &[4, 5]);
        let of = |name: &str| vs.variables()[name].detach();
        let b = of("weight.lora_b") * 1.5;
        let w = of("weight.mu") + b.matmul(&of("weight.lora_a"));
        let mean = x.linear(&w, Some(of("bias")));
        // Elements of A are independent: var(y_o) = sum_k B_ok² sum_i sigma_ki² x_i².
        let inner = x.square().matmul(&of("weight.lora_a_rho").softplus().square().tr());
        let variance = inner.matmul(&b.square().tr());
        let draws = outputs(&layer, &x, DRAWS);
        let error = (&variance / DRAWS as f64).sqrt();
        within_errors(
            &format!("{estimator:?}: mean"),
            &draws.mean_dim(0i64, false, Kind::Float),
            &mean,
            &error,
        );
        // The variance of a variance of n normals is 2 v² / (n - 1); flipout's are no normals, but lighter in the tails here.
        let spread = draws.var_dim([0i64].as_slice(), true, false);
        let error = &variance * (2.0 / (DRAWS - 1) as f64).sqrt();
        within_errors(&format!("{estimator:?}: variance"), &spread, &variance, &error);
    }
}

#[test]
fn an_examples_places_share_their_function_and_examples_do_not() {
    crate::manual_seed(8);
    let vs = VarStore::new(Device::Cpu);
    let layer = linear(&vs, Estimator::Automatic);
    // Two examples of two places each, all alike.
    let x = normals(2, &[1, 1, 5]).expand([2, 2, 5], false);
    let y = outputs(&layer, &x, DRAWS);
    let [a, b] = [0, 1].map(|example| y.select(1, example));
    assert!(a.select(1, 0).allclose(&a.select(1, 1), 1e-5, 1e-5, false), "one function through the places");
    let correlation = |u: &Tensor, v: &Tensor| {
        let [u, v] = [u, v].map(|t| t - t.mean_dim(0i64, true, Kind::Float));
        ((&u * &v).mean(Kind::Float) / (u.square().mean(Kind::Float) * v.square().mean(Kind::Float)).sqrt())
            .double_value(&[])
    };
    let across = correlation(&a.select(1, 0), &b.select(1, 0));
    // Uncorrelated: 12000 pairs, of which those of one draw go together.
    assert!(across.abs() < 5.0 / (DRAWS as f64).sqrt(), "across examples {across}");
}

#[test]
fn a_convolutions_kernel_is_the_product_of_its_factors() {
    for estimator in [Estimator::Automatic, Estimator::LocalReparameterization] {
        for groups in [1, 2] {
            crate::manual_seed(9);
            let vs = VarStore::new(Device::Cpu);
            let config = ConvConfig {
                posterior: adapter(2),
                estimator,
                groups,
                padding: 1.into(),
                ..Default::default()
            };
            let layer = Conv2d::new(vs.root(), 4, 6, 3, config);
            give_b(&layer.weight);
            let of = |name: &str| vs.variables()[name].detach();
            let w = of("weight.mu")
                + (of("weight.lora_b") * 1.5).matmul(&of("weight.lora_a")).view([6, 4 / groups, 3, 3]);
            let x = normals(3, &[2, 4, 5, 5]);
            let mean = x.conv2d(&w, Some(of("bias")), 1, 1, 1, groups);
            let draws = outputs(&layer, &x, DRAWS);
            let error = draws.var_dim([0i64].as_slice(), true, false).sqrt() / (DRAWS as f64).sqrt();
            within_errors("mean", &draws.mean_dim(0i64, false, Kind::Float), &mean, &error);
        }
    }
}

#[test]
fn the_kl_is_that_of_the_random_factor() {
    let vs = VarStore::new(Device::Cpu);
    let layer = linear(&vs, Estimator::Automatic);
    let (_, std) = layer.weight.fixed_gaussian().unwrap();
    let (a, sigma) =
        (vs.variables()["weight.lora_a"].detach(), vs.variables()["weight.lora_a_rho"].softplus());
    let each = std.ln() - sigma.log() + (sigma.square() + a.square()) / (2.0 * std * std) - 0.5;
    let cost = layer.kl_cost();
    assert_eq!(cost.num_params, 2 * 5);
    let (kl, expected) = (cost.nats.double_value(&[]), each.sum(Kind::Float).double_value(&[]));
    assert!((kl / expected - 1.0).abs() < 1e-5, "{kl} against {expected}");
}

#[test]
fn where_the_prior_has_no_closed_form_the_mean_of_the_kl_is_it() {
    crate::manual_seed(10);
    let kl = |prior: Prior, draws: usize| {
        let vs = VarStore::new(Device::Cpu);
        let layer = RandomParameter::new(vs.root(), "w", &[3, 5], 5, prior, Posterior::lora(2, 4.0)).unwrap();
        // The same start of A whatever the seed.
        tch::no_grad(|| layer.variables().get("lora_a").unwrap().shallow_clone().copy_(&normals(4, &[2, 5])));
        let each: Vec<f64> = (0..draws)
            .map(|_| {
                let _ = layer.fresh_draw();
                layer.kl().double_value(&[])
            })
            .collect();
        let mean = each.iter().sum::<f64>() / draws as f64;
        let variance = each.iter().map(|kl| (kl - mean).powi(2)).sum::<f64>() / draws as f64;
        (mean, (variance / draws as f64).sqrt())
    };
    // A mixture of two equal normals is a normal.
    let (estimated, error) = kl(Prior::ScaleMixture { pi: 0.5, std1: 0.7, std2: 0.7 }, 2000);
    let (exact, _) = kl(Prior::Gaussian { mean: 0.0, std: 0.7 }, 1);
    assert!(error > 0.0 && (estimated - exact).abs() < 5.0 * error, "{estimated} ± {error} against {exact}");
}

#[test]
fn freezing_merges() {
    let vs = VarStore::new(Device::Cpu);
    let mut layer = linear(&vs, Estimator::Automatic);
    let x = normals(2, &[4, 5]);
    let y = layer.forward(&x);
    layer.freeze();
    let held = layer.weight.held_draw().unwrap();
    assert_eq!(layer.forward(&x), y, "the latest forward's draw");
    let change = held.weights() - layer.weight.mu();
    assert_eq!(change.linalg_matrix_rank(1e-4, false).int64_value(&[]), 2);
    assert_eq!(held.weights().size(), [3, 5]);
}

/// y = (w₀ + b a) x with b = 1 held: the posterior of a under a normal prior is a normal of precision 1/p² + Σ x²/s² and mean
/// Σ x (y - w₀ x) / s² over it (Bishop 2006, section 3.3).
#[test]
fn fit_finds_the_exact_posterior_of_one_random_number() {
    let (n, noise_std, prior_std) = (50, 0.5, 1.0);
    let x = normals(5, &[n, 1]);
    let y = &x * 1.7 + normals(6, &[n, 1]) * noise_std;
    for estimator in ESTIMATORS {
        tch::set_num_threads(1);
        crate::manual_seed(11);
        let vs = VarStore::new(Device::Cpu);
        let posterior = Posterior::Lora { rank: 1, alpha: 1.0, rho: Init::Const(inverse_softplus(0.1)) };
        let prior = Prior::Gaussian { mean: 0.0, std: prior_std };
        let net =
            Linear::new(vs.root(), 1, 1, LinearConfig { posterior, prior, estimator, ..Default::default() });
        tch::no_grad(|| {
            let _ = net.weight.mu().shallow_clone().fill_(0.4);
            let _ = net.bias.as_ref().unwrap().mu().shallow_clone().fill_(0.0);
            let _ = net.weight.variables().get("lora_b").unwrap().shallow_clone().fill_(1.0);
        });
        crate::fix(&vs, &["weight.lora_b"]).unwrap();
        Fit::new(crate::likelihood::Gaussian::fixed(noise_std).unwrap())
            .optimiser(Adam { learning_rate: 0.02, beta2: 0.99, ..Adam::default() })
            .epochs(1500)
            .batch_size(n as usize)
            .draws(8)
            .learning_rate_schedule(crate::RateSchedule::Cosine)
            .progress(false)
            .run(&net, &vs, &x, &y)
            .unwrap();
        let precision =
            x.square().sum(Kind::Double).double_value(&[]) / noise_std.powi(2) + prior_std.powi(-2);
        let mean = (&x * (&y - &x * 0.4)).sum(Kind::Double).double_value(&[]) / noise_std.powi(2) / precision;
        let value = |name: &str| vs.variables()[name].double_value(&[0, 0]);
        assert!(
            (value("weight.lora_a") / mean - 1.0).abs() < 0.02,
            "{estimator:?}: {} against {mean}",
            value("weight.lora_a")
        );
        let (sigma, exact) =
            (vs.variables()["weight.lora_a_rho"].softplus().double_value(&[0, 0]), precision.powf(-0.5));
        assert!((sigma / exact - 1.0).abs() < 0.05, "{estimator:?}: {sigma} against {exact}");
        assert_eq!((value("weight.mu"), vs.variables()["bias"].double_value(&[0])), (f64::from(0.4f32), 0.0));
    }
}

#[test]
fn settings_out_of_range_are_named() {
    for (posterior, name) in [(Posterior::lora(0, 1.0), "rank"), (Posterior::lora(2, -1.0), "alpha")] {
        let vs = VarStore::new(Device::Cpu);
        let error =
            RandomParameter::new(vs.root(), "w", &[3, 5], 5, Prior::default(), posterior).unwrap_err();
        assert!(error.to_string().contains(name) && vs.is_empty(), "{error}");
    }
}
