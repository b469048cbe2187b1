//! Training that would do nothing, or harm, is an error, and then nothing has changed.

use illia::likelihood::Gaussian;
use illia::nn::{Linear, LinearConfig};
use illia::prelude::*;
use illia::{Adam, Error, Fit, Predict, RateSchedule, Trainer};

const FLOATS: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    struct Normed: [3] -> [1] {
        norm: BatchNorm1d,
        head: Linear(1),
    }
}

fn layer() -> (nn::VarStore, Linear) {
    let vs = nn::VarStore::new(Device::Cpu);
    let layer = Linear::new(vs.root(), 3, 1, LinearConfig::default());
    (vs, layer)
}

fn data() -> (Tensor, Tensor) {
    (Tensor::randn([20, 3], FLOATS), Tensor::randn([20, 1], FLOATS))
}

fn values(vs: &nn::VarStore) -> Vec<(String, Tensor)> {
    let mut all: Vec<_> = vs.variables().into_iter().map(|(name, v)| (name, v.detach().copy())).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn fit() -> Fit<Gaussian> {
    Fit::new(Gaussian::fixed(1.0).unwrap()).epochs(1)
}

#[test]
fn nothing_to_train() {
    let (vs, mut net) = layer();
    let (x, y) = data();
    let refused = |net: &Linear, vs: &nn::VarStore| {
        let error = fit().run(net, vs, &x, &y).unwrap_err();
        assert!(matches!(&error, Error::Configuration { name, .. } if name == "model"), "{error}");
    };
    let (other, _) = layer();
    refused(&net, &other);
    refused(&net, &nn::VarStore::new(Device::Cpu));
    tch::no_grad(|| refused(&net, &vs));
    let before = values(&vs);
    net.freeze();
    refused(&net, &vs);
    assert_eq!(before, values(&vs), "the KL does not move what is frozen");
}

#[test]
fn one_trainer_follows_the_store_that_it_is_given() {
    let mut trainer = Trainer::new(Adam::default(), 20).unwrap();
    let (x, y) = data();
    for _ in 0..2 {
        let (vs, net) = layer();
        let before = values(&vs);
        trainer.step(&net, &vs, 1.0, || Ok((net.forward(&x) - &y).square().mean(Kind::Float))).unwrap();
        assert_ne!(before, values(&vs));
    }
}

#[test]
fn a_gradient_that_is_no_number() {
    let (vs, net) = layer();
    let (x, _) = data();
    let before = values(&vs);
    let mut trainer = Trainer::new(Adam::default(), 20).unwrap();
    // The root's slope at 0 is infinite, and 0 times that is no number.
    let nll = || Ok((net.forward(&x) * 0.0).sqrt().sum(Kind::Float));
    let error = trainer.step(&net, &vs, 1.0, nll).unwrap_err();
    assert!(matches!(error, Error::NonFinite { term: "gradient", .. }), "{error}");
    assert!(trainer.step(&net, &vs, f64::NAN, || Ok(net.forward(&x).sum(Kind::Float))).is_err());
    assert_eq!(before, values(&vs));
}

#[test]
fn statistics_of_a_batch_that_is_no_number_are_not_kept() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Normed::new(&vs.root());
    let (x, y) = data();
    let before = values(&vs);
    let bad = x.copy();
    let _ = bad.get(3).fill_(f64::NAN);
    assert!(matches!(fit().run(&net, &vs, &bad, &y), Err(Error::NonFinite { .. })));
    assert_eq!(before, values(&vs));
    assert!(Predict::new().run(&net, &x).unwrap().outputs().isfinite().all().int64_value(&[]) == 1);
}

#[test]
fn a_half_precision_weight_without_gradient_stays() {
    let mut vs = nn::VarStore::new(Device::Cpu);
    let net = Linear::new(vs.root(), 3, 1, LinearConfig::default());
    vs.half();
    let x = Tensor::from_slice(&[1f32, 0.0, 0.0]).reshape([1, 3]).to_kind(Kind::Half);
    let mut trainer = Trainer::new(Adam::default(), 1).unwrap();
    for _ in 0..3 {
        trainer.step(&net, &vs, 0.0, || Ok(net.forward(&x).sum(Kind::Half))).unwrap();
    }
    for (name, variable) in vs.variables() {
        assert_eq!(variable.isfinite().all().int64_value(&[]), 1, "{name}");
    }
}

#[test]
fn a_validation_that_is_no_number_is_never_the_best() {
    let (vs, net) = layer();
    let (x, y) = data();
    let history = fit().epochs(3).validation(&x, &(&y * f64::NAN)).run(&net, &vs, &x, &y).unwrap();
    assert_eq!((history.epochs.len(), history.best_epoch), (3, None));
    let empty = fit().validation(&x.narrow(0, 0, 0), &y.narrow(0, 0, 0)).run(&net, &vs, &x, &y);
    assert!(matches!(empty, Err(Error::Configuration { name, .. }) if name == "validation"));
}

#[test]
fn the_best_weights_are_what_freezing_draws_from() {
    let (vs, mut net) = layer();
    let (x, y) = data();
    // Each epoch is worse for a validation that the training moves away from.
    let away = fit().epochs(4).learning_rate(0.5).validation(&x, &(&y - 100.0));
    let history = away.run(&net, &vs, &x, &(&y + 100.0)).unwrap();
    assert_eq!(history.best_epoch, Some(1));
    net.freeze();
    let off = (net.weight.draw().weights() - net.weight.mu()) / net.weight.sigma().unwrap();
    assert!(off.abs().max().double_value(&[]) < 6.0);
}

#[test]
fn settings_out_of_range() {
    let (vs, net) = layer();
    let (x, y) = data();
    for step in [
        RateSchedule::Step { epochs: 0, factor: 0.5 },
        RateSchedule::Step { epochs: 1, factor: -1.0 },
        RateSchedule::Step { epochs: 1, factor: f64::NAN },
    ] {
        assert!(fit().learning_rate_schedule(step).run(&net, &vs, &x, &y).is_err(), "{step:?}");
    }
    // As many as there may be.
    fit().batch_size(usize::MAX).validation(&x, &y).patience(usize::MAX).run(&net, &vs, &x, &y).unwrap();
    Predict::new().batch_size(usize::MAX).run(&net, &x).unwrap();
    let posterior = Posterior::Gaussian { mu: nn::Init::Const(f64::NAN), rho: nn::Init::Const(0.0) };
    assert!(
        Linear::try_new(vs.root() / "b", 3, 1, LinearConfig { posterior, ..Default::default() }).is_err()
    );
    let prior = Prior::Gaussian { mean: 0.0, std: 1e-20 };
    assert!(Linear::try_new(vs.root() / "c", 3, 1, LinearConfig { prior, ..Default::default() }).is_err());
}

#[test]
fn what_is_loaded_is_what_freezing_draws_from() {
    let path = std::env::temp_dir().join(format!("illia-refusals-{}.safetensors", std::process::id()));
    let (vs, mut net) = layer();
    let set = |to: f64| drop(tch::no_grad(|| net.weight.mu().shallow_clone().fill_(to)));
    set(100.0);
    illia::checkpoint::save(&net, &vs, &path).unwrap();
    set(0.0);
    let x = Tensor::ones([1, 3], FLOATS);
    drop(net.forward(&x));
    illia::checkpoint::load(&mut net, &vs, &path).unwrap();
    std::fs::remove_file(&path).unwrap();
    net.freeze();
    assert!((net.forward(&x).double_value(&[0, 0]) - 300.0).abs() < 3.0);
}

#[test]
fn a_question_mark_makes_illias_error_of_tchs() {
    let sum = || -> illia::Result<Tensor> {
        let (a, b) =
            (Tensor::zeros([2], (Kind::Float, Device::Cpu)), Tensor::zeros([3], (Kind::Float, Device::Cpu)));
        Ok(a.f_add(&b)?)
    };
    let sentence = sum().unwrap_err().to_string();
    assert!(
        sentence.starts_with("libtorch: The size of tensor a (2)") && !sentence.contains('\n'),
        "{sentence}"
    );
}
