//! Weights that covary, against the Gaussian with that covariance.

use tch::nn::{Module, VarStore};
use tch::{Device, Kind, Tensor};

use crate::nn::{Linear, LinearConfig};
use crate::pass::{Mode, Pass};
use crate::{BayesianModule, Estimator, Posterior, Prior, RandomParameter, noise};

const DRAWS: i64 = 6000;
/// Beyond 5 standard errors lies one comparison in 1.7 million; there are some hundred here.
const ERRORS: f64 = 5.0;

fn normals(stream: u64, shape: &[i64]) -> Tensor {
    noise::normals(noise::Key { seed: 3, stream, draw: 0 }, shape, Kind::Float, Device::Cpu)
}

/// A layer of 4 inputs and 2 outputs, each with a spread of its own along axes that are not the inputs'.
fn layer(vs: &VarStore, estimator: Estimator) -> Linear {
    crate::manual_seed(2);
    let config = LinearConfig {
        bias: false,
        prior: Prior::Gaussian { mean: 0.0, std: 1.5 },
        posterior: Posterior::AutomaticLast,
        estimator,
        ..Default::default()
    };
    let layer = Linear::new(vs.root(), 4, 2, config);
    let (axes, _) = Tensor::linalg_qr(&normals(1, &[4, 4]), "reduced");
    layer.weight.set_axes(&axes);
    layer.weight.set_sigma(&(normals(2, &[2, 4]) * 0.7).exp());
    layer
}

/// The covariance of each output's weights, `[2, 4, 4]`, in double.
fn covariance(weight: &RandomParameter) -> Tensor {
    let axes = weight.axes().unwrap().to_kind(Kind::Double);
    let variances = weight.rho().unwrap().detach().to_kind(Kind::Double).softplus().square();
    axes.matmul(&variances.diag_embed(0, -2, -1)).matmul(&axes.tr())
}

fn off(given: &Tensor, expected: &Tensor, error: &Tensor) -> f64 {
    ((given - expected) / error).abs().max().double_value(&[])
}

#[test]
fn draws_have_the_covariance() {
    let vs = VarStore::new(Device::Cpu);
    let layer = layer(&vs, Estimator::Automatic);
    let weight = &layer.weight;
    let draws: Vec<Tensor> = (0..DRAWS).map(|_| weight.draw().weights().detach()).collect();
    let off_mean = (Tensor::stack(&draws, 1) - weight.mu().detach().unsqueeze(1)).to_kind(Kind::Double);
    let (given, expected) = (off_mean.transpose(1, 2).matmul(&off_mean) / DRAWS as f64, covariance(weight));
    // Var of a sample covariance's element: (S_ii S_jj + S_ij²) / n.
    let diagonal = expected.diagonal(0, 1, 2);
    let error = ((diagonal.unsqueeze(1) * diagonal.unsqueeze(2) + expected.square()) / DRAWS as f64).sqrt();
    assert!(off(&given, &expected, &error) < ERRORS);
    assert!(
        off(&weight.sigma().unwrap().detach().square().to_kind(Kind::Double), &diagonal, &diagonal) < 1e-6
    );
    let between = (off_mean.get(0) * off_mean.get(1)).mean_dim(0i64, false, Kind::Double);
    let error = (diagonal.get(0) * diagonal.get(1) / DRAWS as f64).sqrt();
    assert!(off(&between, &between.zeros_like(), &error) < ERRORS, "outputs are independent");
}

#[test]
fn the_kl_is_that_of_the_gaussian() {
    let vs = VarStore::new(Device::Cpu);
    let mut layer = layer(&vs, Estimator::Automatic);
    let (mu, variance) = (layer.weight.mu().detach().to_kind(Kind::Double), 1.5f64.powi(2));
    let covariance = covariance(&layer.weight);
    // Between two Gaussians of 4 dimensions each: (tr S / s² + |m|² / s² - 4 + 4 ln s² - ln det S) / 2.
    let trace = covariance.diagonal(0, 1, 2).sum(Kind::Double) / variance;
    let exact = (trace + mu.square().sum(Kind::Double) / variance - 8.0 + 8.0 * variance.ln()
        - covariance.logdet().sum(Kind::Double))
        * 0.5;
    let exact = exact.double_value(&[]);
    let given = layer.weight.kl().double_value(&[]);
    assert!((given / exact - 1.0).abs() < 1e-5, "{given} for {exact}");
    let each: Vec<f64> = (0..4000)
        .map(|_| {
            let _ = layer.forward(&normals(5, &[1, 4]));
            layer.weight.kl_monte_carlo().double_value(&[])
        })
        .collect();
    let each = Tensor::from_slice(&each);
    let error = each.std(true).double_value(&[]) / 4000f64.sqrt();
    assert!((each.mean(Kind::Double).double_value(&[]) - exact).abs() < ERRORS * error);
    // The latest draw is the one that is frozen, and its density the same from weights as from noise.
    let _ = layer.forward(&normals(5, &[1, 4]));
    let from_noise = layer.weight.kl_monte_carlo().double_value(&[]);
    layer.freeze();
    let from_weights = layer.weight.kl_monte_carlo().double_value(&[]);
    assert!((from_noise - from_weights).abs() < 1e-3, "{from_noise} and {from_weights}");
}

#[test]
fn estimators_have_the_variance_of_the_outputs() {
    let x = normals(7, &[3, 4]);
    for estimator in [Estimator::Reparameterization, Estimator::LocalReparameterization, Estimator::Flipout] {
        let vs = VarStore::new(Device::Cpu);
        let layer = layer(&vs, estimator);
        let pass = Pass::over(&[&layer.weight], Mode::Graph, None);
        let each: Vec<Tensor> = (0..DRAWS)
            .map(|_| {
                pass.renew(1);
                tch::no_grad(|| layer.forward(&x))
            })
            .collect();
        let each = Tensor::stack(&each, 0).to_kind(Kind::Double);
        let x = x.to_kind(Kind::Double);
        let expected = x.unsqueeze(0).matmul(&covariance(&layer.weight)) * x.unsqueeze(0);
        let expected = expected.sum_dim_intlist(-1i64, false, Kind::Double).tr();
        let error = &expected * (2.0 / DRAWS as f64).sqrt();
        let given = each.var_dim(0i64, true, false);
        // Flipout's signs make a sum of products that is no normal: its fourth moment is up to 3 times a normal's.
        let error = if estimator == Estimator::Flipout { error * 3f64.sqrt() } else { error };
        assert!(off(&given, &expected, &error) < ERRORS, "{estimator:?}");
    }
}

#[test]
fn pruned_weights_become_independent_with_the_spread_that_they_had() {
    let vs = VarStore::new(Device::Cpu);
    let mut layer = layer(&vs, Estimator::Automatic);
    let before = layer.weight.sigma().unwrap().detach();
    let mask = Tensor::from_slice2(&[[true, false, false, false], [false, false, true, false]]);
    layer.weight.prune(&mask).unwrap();
    assert!(layer.weight.axes().is_none());
    let after = layer.weight.sigma().unwrap().detach();
    let expected = before.masked_fill(&mask, 0.0);
    assert!((after - expected).abs().max().double_value(&[]) < 1e-5);
}

#[test]
fn until_they_are_turned_axes_change_nothing() {
    let vs = VarStore::new(Device::Cpu);
    let config = LinearConfig { posterior: Posterior::AutomaticLast, ..Default::default() };
    let layer = Linear::new(vs.root(), 4, 2, config);
    let weight = &layer.weight;
    assert!(weight.axes().is_none() && vs.variables().contains_key("weight.axes"));
    assert!(!vs.variables()["weight.axes"].requires_grad());
    let key = weight.next_draw().unwrap();
    let sigma = weight.rho().unwrap().softplus();
    let expected = weight.mu() + sigma * noise::normals(key, &[2, 4], Kind::Float, Device::Cpu);
    assert!(weight.draw_of(key).equal(&expected));
    // What is written to them by any way counts: a file's, say.
    let turned = Tensor::linalg_qr(&normals(1, &[4, 4]), "reduced").0;
    tch::no_grad(|| vs.variables()["weight.axes"].shallow_clone().copy_(&turned));
    assert!(weight.axes().is_some() && !weight.draw_of(key).equal(&expected));
    let wide = Linear::new(vs.root() / "wide", 1025, 1, config);
    assert!(!wide.weight.has_axes(), "more inputs than are worth it");
}
