//! Training that would do nothing, or harm, is an error, and then nothing has changed.

#[path = "../illia-core/src/files/scratch.rs"]
mod scratch;

use illia::likelihood::Gaussian;
use illia::nn::{Linear, LinearConfig};
use illia::prelude::*;
use illia::{Adam, Clip, Error, Fit, Posterior, Predict, RateSchedule, Trainer};
use scratch::Scratch;

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
fn a_noise_that_lives_in_another_store_would_stay() {
    let (vs, net) = layer();
    let (x, y) = data();
    let other = nn::VarStore::new(Device::Cpu);
    let noise = Gaussian::learned(other.root() / "noise", 0.5).unwrap();
    let before = values(&vs);
    let error = Fit::new(&noise).epochs(1).run(&net, &vs, &x, &y).unwrap_err().to_string();
    assert!(error.contains("noise.noise_rho") && error.contains("another store"), "{error}");
    assert_eq!(before, values(&vs));
    // One that wants no gradient is meant to stay; one of the net's store moves.
    let mut other = other;
    other.freeze();
    Fit::new(&noise).epochs(1).run(&net, &vs, &x, &y).unwrap();
    let own = Gaussian::learned(&(vs.root() / "noise"), 0.5).unwrap();
    Fit::new(&own).epochs(1).run(&net, &vs, &x, &y).unwrap();
    assert!((own.std() - 0.5).abs() > 1e-4 && (noise.std() - 0.5).abs() < 1e-6);
}

#[test]
fn a_noise_at_a_path_that_another_has() {
    let vs = nn::VarStore::new(Device::Cpu);
    let first = Gaussian::learned(vs.root(), 0.5);
    let second = Gaussian::learned(vs.root(), 0.5);
    let sentence = second.unwrap_err().to_string();
    assert!(
        first.is_ok() && sentence.contains("noise_rho") && sentence.contains("a path of its own"),
        "{sentence}"
    );
    assert_eq!(vs.len(), 1);
}

#[test]
fn settings_that_are_no_numbers_between_steps() {
    let (vs, net) = layer();
    let (x, y) = data();
    let mut trainer = Trainer::new(Adam::default(), 20).unwrap();
    let nll = || Ok((net.try_forward(&x)? - &y).square().mean(None));
    trainer.step(&net, &vs, 1.0, nll).unwrap();
    let before = values(&vs);
    let says = |error: Error, word: &str| assert!(error.to_string().contains(word), "{error}");
    for weight in [1e300, -1.0, f64::NAN, f64::INFINITY] {
        says(trainer.step(&net, &vs, weight, nll).unwrap_err(), "kl_weight");
    }
    for rate in [f64::NAN, f64::INFINITY, -1e-3, 1e300] {
        trainer.learning_rate = rate;
        says(trainer.step(&net, &vs, 1.0, nll).unwrap_err(), "learning_rate");
    }
    trainer.learning_rate = 1e-3;
    for bound in [f64::NAN, 0.0, -1.0] {
        trainer.clip = Clip { value: Some(bound), ..Clip::none() };
        says(trainer.step(&net, &vs, 1.0, nll).unwrap_err(), "clip value");
        trainer.clip = Clip { norm: Some(bound), ..Clip::none() };
        says(trainer.step(&net, &vs, 1.0, nll).unwrap_err(), "clip norm");
    }
    trainer.clip = Clip::default();
    let each = || Ok((net.try_forward(&x)? - &y).square());
    says(trainer.step(&net, &vs, 1.0, each).unwrap_err(), "loss");
    let mut grouped = Trainer::new(Adam::default(), 20).unwrap();
    grouped.group("weight", f64::NAN);
    says(grouped.step(&net, &vs, 1.0, nll).unwrap_err(), "group");
    assert_eq!(before, values(&vs));
    trainer.step(&net, &vs, 1.0, nll).unwrap();
    assert_ne!(before, values(&vs), "and the next step goes on");
}

#[test]
fn a_spread_that_can_not_be_trained() {
    let (x, y) = data();
    // Below -87 in one element; pruned ones have minus infinity, and are no reason.
    for (rho, fits) in [(-86.0, true), (-88.0, false), (-200.0, false)] {
        let (vs, net) = layer();
        tch::no_grad(|| {
            let _ = vs.variables()["weight.rho"].get(0).get(1).fill_(rho);
        });
        let before = values(&vs);
        let mut trainer = Trainer::new(Adam::default(), 20).unwrap();
        let stepped = trainer.step(&net, &vs, 1.0, || Ok((net.try_forward(&x)? - &y).square().mean(None)));
        assert_eq!(stepped.is_ok(), fits, "{rho}: {stepped:?}");
        if let Err(error) = stepped {
            let error = error.to_string();
            assert!(error.contains("weight") && error.contains("below -87"), "{error}");
            assert_eq!(before, values(&vs));
        }
    }
    for kind in [Kind::BFloat16, Kind::Half] {
        let (mut vs, net) = layer();
        match kind {
            Kind::Half => vs.half(),
            _ => vs.bfloat16(),
        }
        let before = values(&vs);
        let (x, y) = (x.to_kind(kind), y.to_kind(kind));
        let error = fit().run(&net, &vs, &x, &y).unwrap_err().to_string();
        assert!(error.contains("weight") && error.contains("sigma would never move"), "{error}");
        assert_eq!(before, values(&vs));
    }
}

#[test]
fn a_net_of_the_same_names_and_other_shapes() {
    let (vs, net) = layer();
    let other_vs = nn::VarStore::new(Device::Cpu);
    let other = Linear::new(other_vs.root(), 5, 1, LinearConfig::default());
    let (x, y) = data();
    let wide = Tensor::randn([20, 5], FLOATS);
    let mut trainer = Trainer::new(Adam::default(), 20).unwrap();
    trainer.step(&net, &vs, 1.0, || Ok((net.try_forward(&x)? - &y).square().mean(None))).unwrap();
    let before = values(&other_vs);
    let of_other = || Ok((other.try_forward(&wide)? - &y).square().mean(None));
    let error = trainer.step(&other, &other_vs, 1.0, of_other).unwrap_err();
    assert!(matches!(&error, Error::Shape { layer, .. } if layer.starts_with("weight")), "{error}");
    assert_eq!(before, values(&other_vs));
    let leaf = Tensor::ones([1], FLOATS).set_requires_grad(true);
    assert!((&leaf * 2.0).requires_grad(), "gradients are on");
    trainer.step(&net, &vs, 1.0, || Ok((net.try_forward(&x)? - &y).square().mean(None))).unwrap();
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
    let plain = LinearConfig { posterior: Posterior::plain(), ..Default::default() };
    let net = Linear::new(vs.root(), 3, 1, plain);
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
    let folder = Scratch::new();
    let path = folder.join("model.safetensors");
    let (vs, mut net) = layer();
    let set = |to: f64| drop(tch::no_grad(|| net.weight.mu().shallow_clone().fill_(to)));
    set(100.0);
    illia::checkpoint::save(&net, &vs, &path).unwrap();
    set(0.0);
    let x = Tensor::ones([1, 3], FLOATS);
    drop(net.forward(&x));
    illia::checkpoint::load(&mut net, &vs, &path).unwrap();
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
