//! A learned noise where nobody chose a posterior: what the weights do not know is no signal.

use std::collections::BTreeMap;

use illia::checkpoint::Checkpoints;
use illia::likelihood::{Gaussian, HeteroscedasticGaussian, Likelihood};
use illia::prelude::*;
use illia::{Fit, KlSchedule, RateSchedule};

use crate::scratch::Scratch;
use crate::{DOUBLE, FLOAT, Line, exact, head, linear};

#[test]
fn a_learned_noise_counts_what_the_weights_took() {
    illia::manual_seed(2);
    let (x, y) = linear(120, 30);
    let vs = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::learned(&(vs.root() / "noise"), 0.5).unwrap();
    let net = Line::new(&(vs.root() / "net"), 30);
    Fit::new(&noise).progress(false).run(&net, &vs, &x, &y).unwrap();
    let (mu, _) = head(&net);
    let (x, _) = exact(&x, 0.5);
    let errors = (x.matmul(&mu.unsqueeze(1)) - &y).square().sum(Kind::Double).double_value(&[]);
    // MacKay (1992): the squared errors and what the spread adds to them, over all examples.
    let drawn: Vec<Tensor> = (0..4000)
        .map(|_| net.head.forward(&x.narrow(1, 0, 30).to_kind(Kind::Float)).detach().squeeze_dim(1))
        .collect();
    let spread = Tensor::stack(&drawn, 0).var_dim(0i64, true, false).sum(Kind::Double).double_value(&[]);
    let expected = ((errors + spread) / 120.0).sqrt();
    // 16 draws of 120 outputs: their squares' mean is known to some 5 % of the spread's part, a quarter of the whole.
    assert!((noise.std() / expected - 1.0).abs() < 0.02, "{} for {expected}", noise.std());
    let mode = (errors / 120.0).sqrt();
    assert!(noise.std() > 1.05 * mode, "the mode's noise is {mode}");
}

bnn! {
    struct Many: [5] -> [40] { first: Linear(5), head: Linear(40) }
}

#[test]
fn targets_of_many_numbers_count_as_many() {
    illia::manual_seed(26);
    // 270 weights for 60 examples, but for 2,400 numbers; the first layer's 30 count as noise.
    let x = Tensor::randn([60, 5], FLOAT);
    let y = x.matmul(&Tensor::randn([5, 40], FLOAT)) + Tensor::randn([60, 40], FLOAT) * 0.5;
    let vs = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::learned(&(vs.root() / "noise"), 1.0).unwrap();
    let net = Many::new(&(vs.root() / "net"));
    Fit::new(&noise).progress(false).run(&net, &vs, &x, &y).unwrap();
    // 2,160 degrees of freedom know 0.5 to 1.5 %: four of them, and the first layer's 30 of 2,400.
    assert!((noise.std() / 0.5 - 1.0).abs() < 0.06 + 0.0125, "{}", noise.std());
}

#[test]
fn more_columns_than_examples_leave_the_noise_of_the_evidence() {
    illia::manual_seed(21);
    let (n, features) = (80, 120);
    // A few columns matter, so that 80 targets tell a noise from what they leave open.
    let x =
        Tensor::randn([n, features], FLOAT) * 10.0 / Tensor::arange(features, FLOAT).square().clamp_min(1.0);
    let weights = Tensor::randn([features, 1], FLOAT) * (2.0 / (features as f64).sqrt());
    let y = x.matmul(&weights) + Tensor::randn([n, 1], FLOAT) * 0.7;
    let vs = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::learned(&(vs.root() / "noise"), 2.0).unwrap();
    let net = Line::new(&(vs.root() / "net"), features);
    Fit::new(&noise).progress(false).run(&net, &vs, &x, &y).unwrap();
    // log N(y; 0, 4 / features X Xᵀ + 4 + noise²) is known, and a mode of which the noise is a part goes through every target.
    let (x, y) = (x.to_kind(Kind::Double), y.to_kind(Kind::Double));
    let of_prior = x.matmul(&x.tr()) * (4.0 / features as f64) + 4.0;
    let evidence = |noise: f64| {
        let covariance = &of_prior + Tensor::eye(n, DOUBLE) * (noise * noise);
        let root = covariance.linalg_cholesky(false);
        let white = root.linalg_solve_triangular(&y, false, true, false);
        -root.diagonal(0, 0, 1).log().sum(Kind::Double).double_value(&[])
            - 0.5 * white.square().sum(Kind::Double).double_value(&[])
    };
    let grid: Vec<f64> = (0..=200).map(|i| 0.05 * 100f64.powf(f64::from(i) / 200.0)).collect();
    let best = grid.iter().copied().max_by(|a, b| evidence(*a).total_cmp(&evidence(*b))).unwrap();
    assert!(best > 0.1 && best < 4.0, "the evidence has a maximum: {best}");
    // How flat the maximum is says how well 80 examples know the noise: 2 nats below it ends the likelihood's 95 % interval.
    let short = evidence(best) - evidence(noise.std());
    assert!(short < 2.0, "{} for {best}, {short} nats short", noise.std());
}

bnn! {
    struct Curved: [10] -> [1] { first: Linear(32) -> relu, second: Linear(32) -> relu, head: Linear(1) }
}

/// Friedman's function (1991): five columns of ten matter; noise of 0.2.
fn friedman(rows: i64) -> (Tensor, Tensor) {
    let x = Tensor::rand([rows, 10], FLOAT);
    let c = |column| x.select(1, column);
    let product = (c(0) * c(1) * std::f64::consts::PI).sin() * 10.0;
    let y = product + (c(2) - 0.5).square() * 20.0 + c(3) * 10.0 + c(4) * 5.0;
    let y = ((y - 14.4) / 4.9).unsqueeze(1);
    ((x - 0.5) * 12f64.sqrt(), &y + y.randn_like() * 0.2)
}

#[test]
fn a_net_that_could_pass_through_every_target_keeps_the_noise() {
    illia::manual_seed(22);
    // 1,441 weights can follow 200 targets exactly.
    let ((x, y), (other, fresh)) = (friedman(200), friedman(2000));
    let vs = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::learned(&(vs.root() / "noise"), 0.5).unwrap();
    let net = Curved::new(&(vs.root() / "net"));
    Fit::new(&noise).epochs(600).progress(false).run(&net, &vs, &x, &y).unwrap();
    // 200 errors know their size to 5 %. What the net can't learn from 200 examples counts as noise too: of the targets' deviation of 1 it has
    // learned the better part.
    assert!(noise.std() > 0.2 * 0.9 && noise.std() < 0.5, "{}", noise.std());
    let prediction = Predict::new().draws(100).run(&net, &other).unwrap();
    let (low, high) = noise.interval(prediction.outputs(), 0.9).unwrap();
    let covered = illia::metrics::interval_coverage(&low, &high, &fresh).unwrap();
    assert!(covered > 0.8, "{covered} of the 90 % band");
}

bnn! {
    /// A linear model of which the last layer has but two weights.
    struct Through(features: i64): [features] -> [1] { first: Linear(1), head: Linear(1) }
}

#[test]
fn a_learned_noise_counts_what_earlier_layers_took() {
    illia::manual_seed(12);
    let (n, features) = (100, 21);
    let (x, y) = linear(n, features);
    let vs = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::learned(&(vs.root() / "noise"), 0.5).unwrap();
    let net = Through::new(&(vs.root() / "net"), features);
    // A target's last axis of one may be left out.
    Fit::new(&noise).progress(false).run(&net, &vs, &x, &y.squeeze_dim(1)).unwrap();
    let fitted = Predict::new().draws(1).run(&net, &x).unwrap();
    let errors = (fitted.outputs() - &y).square().sum(Kind::Double).double_value(&[]);
    // MacKay (1992): 22 weights, a slope for each column and an offset, are determined, all but wholly; it is they that fitted the noise
    // away. New data have the errors of 20 of them beside (Golub, Heath & Wahba 1979): the last layer's two are in its draws.
    let expected = (errors / (100.0 - 22.0) / 0.8).sqrt();
    // The one draw of two weights that were determined adds 2 of 100 squares, give or take as much; half of that in the root.
    assert!((noise.std() / expected - 1.0).abs() < 0.03, "{} for {expected}", noise.std());
    assert!(noise.std() > 1.1 * (errors / 100.0).sqrt(), "the fit's own errors are smaller");
}

#[test]
fn without_a_prior_and_in_a_short_run_the_noise_is_that_of_the_errors() {
    for (kl_weight, epochs) in [(0.0, 60), (1.0, 2)] {
        illia::manual_seed(25);
        let (x, y) = linear(200, 3);
        let vs = nn::VarStore::new(Device::Cpu);
        let noise = Gaussian::learned(&(vs.root() / "noise"), 5.0).unwrap();
        let net = Through::new(&(vs.root() / "net"), 3);
        let fit = Fit::new(&noise).kl(KlSchedule::Constant(kl_weight)).epochs(epochs).learning_rate(3e-2);
        fit.progress(false).run(&net, &vs, &x, &y).unwrap();
        let fitted = Predict::new().draws(200).run(&net, &x).unwrap().mean();
        let errors = (fitted - &y).square().mean(Kind::Double).double_value(&[]).sqrt();
        // Five weights of 200 examples, and the last layer's spread: a few hundredths.
        assert!((noise.std() / errors - 1.0).abs() < 0.1, "{} for {errors}", noise.std());
    }
}

bnn! {
    struct WithNoise: [10] -> [2] { first: Linear(32) -> relu, second: Linear(32) -> relu, head: Linear(2) }
}

#[test]
fn a_noise_that_the_outputs_say_is_kept_too() {
    illia::manual_seed(23);
    let ((x, y), (other, fresh)) = (friedman(400), friedman(2000));
    let vs = nn::VarStore::new(Device::Cpu);
    let net = WithNoise::new(&vs.root());
    Fit::new(HeteroscedasticGaussian).epochs(300).progress(false).run(&net, &vs, &x, &y).unwrap();
    let prediction = Predict::new().draws(100).run(&net, &other).unwrap();
    // Of a noise that was taken for signal next to nothing is left: as a plain fit, the net would have a standard deviation of some 0.01.
    let noise =
        HeteroscedasticGaussian.variance(prediction.outputs()).mean(Kind::Double).double_value(&[]).sqrt();
    assert!(noise > 0.1, "{noise}");
    let (low, high) = HeteroscedasticGaussian.interval(prediction.outputs(), 0.9).unwrap();
    let covered = illia::metrics::interval_coverage(&low, &high, &fresh).unwrap();
    assert!(covered > 0.5, "{covered} of the 90 % band");
}

#[test]
fn a_run_that_goes_on_finds_the_same_noise() {
    let folder = Scratch::new();
    let run = |epochs: usize, kept: Option<Checkpoints>| {
        illia::manual_seed(24);
        let vs = nn::VarStore::new(Device::Cpu);
        let net = WithNoise::new(&vs.root());
        let (x, y) = friedman(150);
        let schedule = RateSchedule::Step { epochs: 30, factor: 0.5 };
        let mut fit =
            Fit::new(HeteroscedasticGaussian).epochs(epochs).learning_rate_schedule(schedule).progress(false);
        if let Some(checkpoints) = kept {
            fit = fit.checkpoints(checkpoints).resume(true);
        }
        fit.run(&net, &vs, &x, &y).unwrap();
        vs.variables().into_iter().map(|(name, v)| (name, v.detach().copy())).collect::<BTreeMap<_, _>>()
    };
    let whole = run(50, None);
    // 93 steps of which each seventh is kept, and the last: without that, the 91st is the newest, within an epoch of three.
    let checkpoints = || Checkpoints::new(&*folder).every_steps(7).keep(2);
    run(31, Some(checkpoints()));
    std::fs::remove_file(checkpoints().latest().unwrap().unwrap()).unwrap();
    let resumed = run(50, Some(checkpoints()));
    assert_eq!(whole.len(), resumed.len());
    assert!(whole.iter().all(|(name, weights)| resumed[name].equal(weights)));
}

/// Laplace's noise of a learned scale around the output, without a rule to draw from it.
#[derive(Debug)]
struct Undrawn(Tensor);

impl Likelihood for Undrawn {
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> illia::Result<Tensor> {
        let scale = self.0.exp();
        Ok((-(output - target).abs() / &scale - (scale * 2.0).log())
            .flatten(1, -1)
            .sum_dim_intlist(1i64, false, None))
    }
    fn mean(&self, output: &Tensor) -> Tensor {
        output.shallow_clone()
    }
    fn variance(&self, output: &Tensor) -> Tensor {
        output.ones_like() * self.0.exp().square() * 2.0
    }
    fn cdf(&self, _output: &Tensor, _y: &Tensor) -> Option<Tensor> {
        None
    }
    fn named_variables(&self) -> Vec<(String, Tensor)> {
        vec![("scale".to_owned(), self.0.shallow_clone())]
    }
}

#[test]
fn a_noise_that_nothing_is_drawn_from_is_trained() {
    illia::manual_seed(27);
    let (x, y) = linear(200, 3);
    let vs = nn::VarStore::new(Device::Cpu);
    let own = Undrawn(vs.root().zeros("scale", &[]));
    let net = Line::new(&(vs.root() / "net"), 3);
    Fit::new(&own).progress(false).epochs(200).run(&net, &vs, &x, &y).unwrap();
    // The mean absolute error of noise of 0.5 is 0.4, known to 0.3 / sqrt(200): five of these.
    let scale = own.0.exp().double_value(&[]);
    assert!((scale - 0.4).abs() < 0.11, "{scale}");
}
