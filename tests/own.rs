//! A user's own prior, family, likelihood, optimiser, schedule and data set: the example's, against theory and through files.

#[allow(dead_code)]
#[path = "../examples/own.rs"]
mod example;
#[path = "../illia-core/src/files/scratch.rs"]
mod scratch;

use example::{Absolute, Lion, Logistic, LowRank, Net, WarmUp, Wave};
use illia::checkpoint::{self, Checkpoints};
use illia::data::Dataset;
use illia::prelude::*;
use illia::{Family, History, RandomParameter, Schedule};
use scratch::Scratch;

const DOUBLE: (Kind, Device) = (Kind::Double, Device::Cpu);

/// A parameter of 2 x 3 weights with the example's family, in f64, all of its variables of one order.
fn low_rank(prior: Prior) -> (nn::VarStore, RandomParameter) {
    illia::manual_seed(5);
    let mut vs = nn::VarStore::new(Device::Cpu);
    let posterior = Posterior::from(LowRank { rank: 2 });
    let weight = RandomParameter::new(vs.root(), "w", &[2, 3], 3, prior, posterior).unwrap();
    vs.double();
    for (name, mut variable) in vs.variables() {
        let waves = (Tensor::arange(variable.numel() as i64, DOUBLE) * 1.7 + name.len() as f64).sin();
        tch::no_grad(|| variable.copy_(&(waves * 0.5).view_as(&variable)));
    }
    (vs, weight)
}

/// The covariance of the weights in one row, written out: `[6, 6]`.
fn covariance(weight: &RandomParameter) -> Tensor {
    let of = |name| weight.variables().get(name).unwrap().detach();
    Tensor::diag(&of("rho").softplus().flatten(0, -1).square(), 0) + of("factor").matmul(&of("factor").tr())
}

/// log N(w; mean, covariance), by the textbook.
fn log_normal(w: &Tensor, mean: &Tensor, covariance: &Tensor) -> f64 {
    let d = (w - mean).reshape([-1, 1]);
    let distance = d.tr().matmul(&covariance.inverse()).matmul(&d).double_value(&[0, 0]);
    let constant = d.numel() as f64 * std::f64::consts::TAU.ln();
    -0.5 * (distance + covariance.logdet().double_value(&[]) + constant)
}

#[test]
fn a_density_of_low_rank_is_the_dense_normal() {
    let (_vs, weight) = low_rank(Prior::python());
    for i in 0..5 {
        let w = (Tensor::arange(6, DOUBLE) * 0.9 + f64::from(i)).cos().reshape([2, 3]);
        let density = LowRank { rank: 2 }.log_density(weight.variables(), &w).unwrap().double_value(&[]);
        let dense = log_normal(&w, &weight.mu().detach(), &covariance(&weight));
        assert!((density - dense).abs() < 1e-10, "{density} and {dense}");
    }
}

/// 5 standard errors of a Gaussian's empirical mean and covariance.
#[test]
fn draws_of_low_rank_have_its_mean_and_covariance() {
    let (_vs, weight) = low_rank(Prior::python());
    let n = 20_000;
    let draws: Vec<_> = (0..n).map(|_| weight.draw().weights().detach().reshape([-1])).collect();
    let draws = Tensor::stack(&draws, 0) - weight.mu().detach().reshape([-1]);
    let covariance = covariance(&weight);
    let variance = covariance.diag(0);
    let root = f64::from(n).sqrt();
    let off = draws.mean_dim(0i64, false, Kind::Double).abs() / (variance.sqrt() / root);
    assert!(off.max().double_value(&[]) < 5.0);
    let error = (variance.outer(&variance) + covariance.square()).sqrt() / root;
    let off = (draws.tr().matmul(&draws) / f64::from(n) - &covariance).abs() / error;
    assert!(off.max().double_value(&[]) < 5.0);
    assert!(covariance.triu(1).abs().max().double_value(&[]) > 0.1, "the weights move together");
}

/// KL(N(mu, C) ‖ N(0, s²)) = (tr C / s² + mu² / s² - n + n log s² - log det C) / 2.
#[test]
fn the_kl_of_a_users_family_is_estimated_without_bias() {
    let s2 = 0.49;
    let (_vs, weight) = low_rank(Prior::Gaussian { mean: 0.0, std: 0.7 });
    let covariance = covariance(&weight);
    let number = |t: Tensor| t.double_value(&[]);
    let squares = number(covariance.trace()) + number(weight.mu().detach().square().sum(Kind::Double));
    let exact = 0.5 * (squares / s2 - 6.0 + 6.0 * s2.ln() - number(covariance.logdet()));
    let each = (0..4000).map(|_| {
        let _draw = weight.draw();
        weight.kl_monte_carlo().detach()
    });
    let each = Tensor::stack(&each.collect::<Vec<_>>(), 0);
    let error = number(each.std(true)) / 4000f64.sqrt();
    let mean = number(each.mean(Kind::Double));
    assert!((mean - exact).abs() < 5.0 * error, "{mean} ± {error}, exactly {exact}");
}

/// Where the posterior is a point, the objective's gradient is that of -log p, known for the logistic density: tanh(w / 2 s) / s.
#[test]
fn the_gradient_of_a_users_prior_reaches_the_weights() {
    let vs = nn::VarStore::new(Device::Cpu);
    let prior = Prior::from(Logistic { scale: 0.3 });
    let weight = RandomParameter::new(vs.root(), "w", &[4, 5], 5, prior, Posterior::point()).unwrap();
    weight.kl().backward();
    let expected = (weight.mu().detach() / 0.6).tanh() / 0.3;
    assert!(weight.mu().grad().allclose(&expected, 1e-4, 1e-5, false));
}

fn fit(epochs: usize) -> Fit<Absolute> {
    Fit::new(Absolute { scale: 0.1 })
        .optimiser(Lion { learning_rate: 2e-3 })
        .learning_rate_schedule(WarmUp { epochs: 3 })
        .kl(WarmUp { epochs: 2 })
        .epochs(epochs)
        .batch_size(32)
        .progress(false)
}

/// Trains the example's net in a process of its own, as far as illia can tell.
fn trained(fit: &Fit<Absolute>, data: &dyn Dataset) -> illia::Result<(History, Vec<(String, Tensor)>)> {
    illia::manual_seed(3);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Net::new(&vs.root());
    let history = fit.run_with(&net, &vs, data, |x, _| net.try_forward(&x[0]))?;
    let mut variables: Vec<_> = vs.variables().into_iter().collect();
    variables.sort_by(|a, b| a.0.cmp(&b.0));
    Ok((history, variables))
}

/// Lion goes by the running mean alone: without it in the file, the second half would take other steps.
#[test]
fn a_checkpoint_carries_a_users_optimiser() {
    let whole = trained(&fit(6), &Wave { rows: 100 }).unwrap();
    let folder = Scratch::new();
    let kept = |epochs| fit(epochs).checkpoints(Checkpoints::new(&*folder));
    let first = trained(&kept(3), &Wave { rows: 100 }).unwrap();
    assert_ne!(whole.1, first.1);
    let resumed = trained(&kept(6).resume(true), &Wave { rows: 100 }).unwrap();
    assert_eq!(whole, resumed, "to the bit");
}

/// 0 from some epoch on, or what no factor may be.
#[derive(Debug)]
struct Until {
    epochs: usize,
    then: f64,
}

impl Schedule for Until {
    fn factor(&self, step: usize, steps_per_epoch: usize) -> f64 {
        if step < self.epochs * steps_per_epoch { 1.0 } else { self.then }
    }
}

#[test]
fn a_users_schedule_is_followed_step_by_step() {
    let wave = Wave { rows: 100 };
    let with = |epochs, then| {
        trained(
            &fit(epochs).kl(KlSchedule::default()).learning_rate_schedule(Until { epochs: 2, then }),
            &wave,
        )
    };
    assert_eq!(with(2, 1.0).unwrap().1, with(5, 0.0).unwrap().1);
    assert_ne!(with(2, 1.0).unwrap().1, with(5, 1.0).unwrap().1);
    for bad in [-1.0, f64::NAN] {
        let sentence = with(3, bad).unwrap_err().to_string();
        assert!(sentence.contains("learning rate schedule"), "{sentence}");
    }
    let sentence =
        trained(&fit(3).kl(Until { epochs: 1, then: f64::INFINITY }), &wave).unwrap_err().to_string();
    assert!(sentence.contains("kl weight"), "{sentence}");
}

#[test]
fn a_net_of_ones_own_parts_learns() {
    illia::manual_seed(0);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Net::new(&vs.root());
    let forward = |x: &[Tensor]| net.try_forward(&x[0]);
    let rate = WarmUp { epochs: 10 };
    let fit = fit(100).kl(KlSchedule::default()).learning_rate_schedule(rate);
    let history = fit.run_with(&net, &vs, &Wave { rows: 500 }, |x, _| forward(x)).unwrap();
    let x = Tensor::linspace(-0.8, 0.8, 9, (Kind::Float, Device::Cpu)).unsqueeze(1);
    let mean = Predict::new().draws(100).run_with(&net, &[x.shallow_clone()], forward).unwrap().mean();
    // A tenth of the wave's variance would be left to a line.
    let error = (mean - (x * 3.0).sin()).square().mean(Kind::Float).double_value(&[]);
    assert!(error < 0.02, "{error}");
    let (first, last) = (history.epochs.first().unwrap().loss, history.epochs.last().unwrap().loss);
    assert!(last < first - 1.0, "{first} to {last}");
}

bnn! {
    struct Other: [1] -> [1] {
        prior: (Logistic { scale: 0.7 });
        posterior: (LowRank { rank: 2 });

        one: Linear(32) -> tanh,
        two: Linear(1),
    }
}

bnn! {
    struct Wider: [1] -> [1] {
        prior: (Logistic { scale: 0.6 });
        posterior: (LowRank { rank: 3 });

        one: Linear(32) -> tanh,
        two: Linear(1),
    }
}

#[test]
fn a_file_keeps_a_users_prior_and_family() {
    let folder = Scratch::new();
    let file = folder.join("model.safetensors");
    let (of_net, of_same) = (nn::VarStore::new(Device::Cpu), nn::VarStore::new(Device::Cpu));
    let (net, mut same) = (Net::new(&of_net.root()), Net::new(&of_same.root()));
    checkpoint::save(&net, &of_net, &file).unwrap();
    checkpoint::load(&mut same, &of_same, &file).unwrap();
    assert_eq!(net.two.weight.mu(), same.two.weight.mu());
    let vs = nn::VarStore::new(Device::Cpu);
    let sentence = checkpoint::load(&mut Other::new(&vs.root()), &vs, &file).unwrap_err().to_string();
    assert!(sentence.contains("prior") && sentence.contains("Logistic { scale: 0.6 }"), "{sentence}");
    let vs = nn::VarStore::new(Device::Cpu);
    let sentence = checkpoint::load(&mut Wider::new(&vs.root()), &vs, &file).unwrap_err().to_string();
    assert!(sentence.contains("`one.bias.factor` is [32, 2] in the file"), "{sentence}");
}
