//! Against theory: outputs in a step of training and elsewhere, and the KL.

use tch::nn::{Init, Module, ModuleT, VarStore};
use tch::{Device, Kind, Tensor};

use super::super::in_training::outputs;
use super::FACTORS_PACE;
use crate::likelihood::Gaussian;
use crate::nn::{
    Conv2d, ConvConfig, ConvTranspose2d, ConvTransposeConfig, Embedding, EmbeddingConfig, Linear,
    LinearConfig, PositionEmbedding, TokenConfig,
};
use crate::pass::{Mode, Pass};
use crate::{
    Adam, BayesianModule, Estimator, Family, Fit, Posterior, Prior, Start, Trainer, Variables,
    inverse_softplus, noise,
};

const DRAWS: i64 = 1500;

fn normals(shape: &[i64]) -> Tensor {
    noise::normals(noise::Key { seed: 3, stream: 1, draw: 0 }, shape, Kind::Float, Device::Cpu)
}

fn spread(std: f64) -> Posterior {
    let rho = Init::Randn { mean: inverse_softplus(0.5), stdev: 0.5 };
    Posterior::GaussianDropout { std, mu: Init::Randn { mean: 0.3, stdev: 1.0 }, rho }
}

/// Each output is a sum of independent terms, one of each input unit's factor: its mean is that of the net at mu, its variance the sum of
/// the squares of what each unit adds, times σ². What a unit adds comes from an input of which the others are 0.
fn is_as_it_must<M: Module + BayesianModule>(
    what: &str,
    layer: &M,
    x: &Tensor,
    units: i64,
    estimator: Estimator,
) {
    let what = format!("{what}, {estimator:?}");
    let bias = layer.parameters()[1].mu().detach().to_kind(Kind::Double);
    let bias = if x.dim() == 4 { bias.view([1, -1, 1, 1]) } else { bias };
    let sigma = layer.parameters()[0].variables().factor_std().unwrap();
    let sigma: Vec<f64> = Vec::try_from(sigma.detach().to_kind(Kind::Double)).unwrap();
    assert_eq!(sigma.len() as i64, units, "{what}");
    let mean_of = |x: &Tensor| {
        // Factors that are 1.
        let mut rho = layer.parameters()[0].variables().get("input_rho").unwrap().detach();
        let before = rho.copy();
        let _ = rho.fill_(f64::NEG_INFINITY);
        let outputs = tch::no_grad(|| layer.forward(x)).to_kind(Kind::Double);
        rho.copy_(&before);
        outputs
    };
    let mean = mean_of(x);
    let mut variance = mean.zeros_like();
    for unit in 0..units {
        let only = x.zeros_like();
        only.narrow(1, unit, 1).copy_(&x.narrow(1, unit, 1));
        variance += (mean_of(&only) - &bias).square() * sigma[unit as usize].powi(2);
    }
    let drawn = outputs(layer, x, DRAWS).to_kind(Kind::Double);
    let n = DRAWS as f64;
    let off = (drawn.mean_dim(0i64, false, Kind::Double) - &mean) / (&variance / n).sqrt();
    let off = off.abs().max().double_value(&[]);
    assert!(off < 5.0, "{what}: the mean is {off} standard errors off");
    // Normals: the variance of a variance is 2 v² / n.
    let off = (drawn.var_dim(0i64, true, false) / &variance - 1.0).abs().max().double_value(&[]);
    assert!(off < 5.0 * (2.0 / n).sqrt(), "{what}: the variance is off by {off}");
    // Examples of a batch: one factor for all, or one for each.
    let centred = &drawn - drawn.mean_dim(0i64, true, Kind::Double);
    let (first, second) = (centred.select(1, 0).flatten(1, -1), centred.select(1, 1).flatten(1, -1));
    let together = (first.select(1, 0) * second.select(1, 0)).mean(Kind::Double).double_value(&[]);
    let scale = (variance.select(0, 0).flatten(0, -1).double_value(&[0])
        * variance.select(0, 1).flatten(0, -1).double_value(&[0]))
    .sqrt();
    let shared = estimator == Estimator::Reparameterization;
    assert_eq!(together.abs() / scale > 5.0 / n.sqrt(), shared, "{what}: {together} of {scale}");
}

#[test]
fn outputs_have_mean_and_variance_of_the_factors_under_every_estimator() {
    crate::manual_seed(5);
    for estimator in [Estimator::Reparameterization, Estimator::LocalReparameterization, Estimator::Flipout] {
        let vs = VarStore::new(Device::Cpu);
        let config = LinearConfig { posterior: spread(1.0), estimator, ..Default::default() };
        let linear = Linear::new(vs.root() / "linear", 5, 3, config);
        // Rows that are alike, so that what is shared shows.
        let x = normals(&[1, 5]).repeat([2, 1]);
        is_as_it_must("linear", &linear, &x, 5, estimator);
        let config = ConvConfig { posterior: spread(1.0), estimator, groups: 2, ..Default::default() };
        let conv = Conv2d::new(vs.root() / "conv", 4, 6, 2, config);
        let x = normals(&[1, 4, 3, 3]).repeat([2, 1, 1, 1]);
        is_as_it_must("conv", &conv, &x, 4, estimator);
        let config =
            ConvTransposeConfig { posterior: spread(1.0), estimator, groups: 2, ..Default::default() };
        let conv = ConvTranspose2d::new(vs.root() / "transposed", 4, 6, 2, config);
        is_as_it_must("transposed", &conv, &x, 4, estimator);
    }
}

#[test]
fn a_tokens_vector_has_one_factor() {
    crate::manual_seed(6);
    let vs = VarStore::new(Device::Cpu);
    let config = EmbeddingConfig { posterior: spread(1.0), ..Default::default() };
    let embedding = Embedding::new(vs.root(), 7, 4, config);
    let position = PositionEmbedding::new(
        vs.root() / "position",
        9,
        4,
        TokenConfig { posterior: spread(1.0), ..Default::default() },
    );
    assert_eq!(position.weight.variables().factor_std().unwrap().size(), [9], "a place is as a token");
    let factors = embedding.weight.draw().weights() / embedding.weight.mu();
    assert_eq!(embedding.weight.variables().factor_std().unwrap().size(), [7]);
    let within = (&factors - factors.narrow(1, 0, 1)).abs().max().double_value(&[]);
    assert!(within < 1e-5, "{within}");
    assert!(factors.select(1, 0).std(true).double_value(&[]) > 0.05);
}

/// log N(f; 1, σ²) - log N(f; 1, std²) in the mean over draws of the factors, and -log p(mu).
#[test]
fn its_kl_is_that_of_the_factors_and_the_points_penalty() {
    crate::manual_seed(7);
    let vs = VarStore::new(Device::Cpu);
    let prior = Prior::Gaussian { mean: 0.1, std: 0.7 };
    let config = LinearConfig { bias: false, prior, posterior: spread(1.5), ..Default::default() };
    let layer = Linear::new(vs.root(), 4, 3, config);
    let mu = layer.weight.mu().detach().to_kind(Kind::Double);
    let sigma: Vec<f64> =
        Vec::try_from(layer.weight.variables().factor_std().unwrap().to_kind(Kind::Double)).unwrap();
    let ln_normal = |x: f64, std: f64| -0.5 * (x / std).powi(2) - std.ln() - 0.5 * std::f64::consts::TAU.ln();
    let penalty: f64 =
        Vec::<f64>::try_from(mu.flatten(0, -1)).unwrap().iter().map(|w| ln_normal(w - 0.1, 0.7)).sum();
    let normals: Vec<f64> = Vec::try_from(normals(&[20_000]).to_kind(Kind::Double)).unwrap();
    let mean: f64 = sigma
        .iter()
        .map(|s| normals.iter().map(|z| ln_normal(s * z, *s) - ln_normal(s * z, 1.5)).sum::<f64>() / 20_000.0)
        .sum();
    let kl = layer.kl_cost().nats.double_value(&[]);
    // Each term is z² (σ²/std² - 1) / 2 and a constant: with four of them, and (σ/std)² below 1, at most sqrt(2) for all.
    assert!(
        (kl - (mean - penalty)).abs() < 5.0 * 2f64.sqrt() * 2.0 / 20_000f64.sqrt(),
        "{kl} for {}",
        mean - penalty
    );
}

#[test]
fn numbers_out_of_range_are_named() {
    for posterior in [
        Posterior::gaussian_dropout(0.0),
        Posterior::gaussian_dropout(f64::NAN),
        Posterior::GaussianDropout { std: 1.0, mu: Init::Const(0.0), rho: Init::Const(f64::INFINITY) },
    ] {
        let vs = VarStore::new(Device::Cpu);
        let config = LinearConfig { posterior, ..Default::default() };
        let refused = Linear::try_new(vs.root(), 2, 2, config).unwrap_err().to_string();
        assert!(refused.contains("std") || refused.contains("rho"), "{refused}");
        assert!(vs.variables().is_empty());
    }
}

fn regression() -> (Tensor, Tensor, Gaussian) {
    (normals(&[64, 4]), normals(&[64, 2]), Gaussian::fixed(0.5).unwrap())
}

#[test]
fn a_fit_tells_how_far_the_rates_came_and_which_are_too_small() {
    crate::manual_seed(8);
    let (x, y, noise) = regression();
    let vs = VarStore::new(Device::Cpu);
    let of = |name: &str, rho: f64| {
        let posterior = Posterior::GaussianDropout { std: 1.0, mu: Init::Const(0.1), rho: Init::Const(rho) };
        Linear::new(vs.root() / name, 4, 2, LinearConfig { posterior, ..Default::default() })
    };
    let history = Fit::new(&noise).epochs(5).run(&of("wide", -3.0), &vs, &x, &y).unwrap();
    let end = history.convergence;
    assert!(end.sigma_moved.is_some_and(|by| by > 0.0) && end.sigma_pull.is_some(), "{end:?}");
    let refused = Fit::new(&noise).epochs(1).run(&of("narrow", -120.0), &vs, &x, &y).unwrap_err().to_string();
    assert!(refused.contains("narrow.weight") && refused.contains("start rho higher"), "{refused}");
}

/// Each example has one function: the same factors at all places, others than the next example's.
#[test]
fn an_examples_places_have_its_factors() {
    crate::manual_seed(9);
    let vs = VarStore::new(Device::Cpu);
    let estimator = Estimator::LocalReparameterization;
    let config = LinearConfig { posterior: spread(1.0), estimator, ..Default::default() };
    let layer = Linear::new(vs.root(), 4, 3, config);
    let _pass = Pass::over(&layer.parameters(), Mode::Graph, None);
    let output = layer.forward(&Tensor::ones([2, 5, 6, 4], (Kind::Float, Device::Cpu)));
    let place = output.narrow(1, 0, 1).narrow(2, 0, 1);
    assert!((&output - &place).abs().max().double_value(&[]) < 1e-5);
    assert!((place.select(0, 0) - place.select(0, 1)).abs().max().double_value(&[]) > 1e-2);
}

/// A family of one's own whose variable has the name of the factors' rho.
#[derive(Debug)]
struct Namesake;

impl Family for Namesake {
    fn name(&self) -> String {
        "Namesake".to_owned()
    }

    fn start(&self, start: &Start<'_>) -> Vec<(&'static str, Tensor)> {
        let mu = start.initial(Init::Const(1.0));
        let other = mu.zeros_like();
        vec![("mu", mu), ("input_rho", other)]
    }

    fn draw(&self, variables: &Variables, _: noise::Key) -> Tensor {
        variables.mu() * 2.0
    }
}

#[test]
fn a_variable_of_the_same_name_in_a_family_of_ones_own_is_its_own() {
    let vs = VarStore::new(Device::Cpu);
    let (posterior, estimator) = (Posterior::from(Namesake), Estimator::LocalReparameterization);
    let layer = Linear::new(
        vs.root(),
        4,
        3,
        LinearConfig { posterior, estimator, bias: false, ..Default::default() },
    );
    let _pass = Pass::over(&layer.parameters(), Mode::Graph, None);
    let output = layer.forward(&Tensor::ones([2, 4], (Kind::Float, Device::Cpu)));
    assert_eq!(output, Tensor::full([2, 3], 8.0, (Kind::Float, Device::Cpu)));
}

/// Adam's first step is its step size whatever the gradient.
#[test]
fn rates_go_farther_in_a_step_than_weights() {
    let vs = VarStore::new(Device::Cpu);
    let config = LinearConfig { posterior: Posterior::gaussian_dropout(2.0), ..Default::default() };
    let layer = Linear::new(vs.root(), 4, 3, config);
    let before = layer.weight.named_variables().map(|(name, v)| (name, v.copy())).collect::<Vec<_>>();
    let x = Tensor::ones([8, 4], (Kind::Float, Device::Cpu));
    let mut trainer = Trainer::new(Adam { learning_rate: 0.01, ..Adam::default() }, 8).unwrap();
    trainer.step(&layer, &vs, 1.0, || Ok(layer.forward_t(&x, true).square().mean(None::<Kind>))).unwrap();
    let moved = |name: &str| {
        let is_it = |(other, _): &&(String, Tensor)| other.rsplit('.').next() == Some(name);
        let (_, before) = before.iter().find(is_it).unwrap();
        let now = layer.weight.variables().get(name).unwrap();
        (now - before).abs().mean(None::<Kind>).double_value(&[])
    };
    // Adam's epsilon takes less than a hundredth of a step.
    assert!((moved("mu") - 0.01).abs() < 1e-4, "{}", moved("mu"));
    assert!((moved("input_rho") - 0.01 * FACTORS_PACE).abs() < 1e-4 * FACTORS_PACE, "{}", moved("input_rho"));
}
