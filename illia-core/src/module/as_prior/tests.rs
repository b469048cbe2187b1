//! Data that come in two halves, against the posterior of all of them.

use tch::nn::{Module, VarStore};
use tch::{Device, Kind, Tensor};

use super::*;
use crate::checkpoint::{self, Checkpoints};
use crate::data::Tensors;
use crate::files::scratch::Scratch;
use crate::infer::laplace::{Laplace, Structure};
use crate::infer::swag::Swag;
use crate::infer::{Named, weights};
use crate::likelihood::Gaussian;
use crate::nn::{Linear, LinearConfig};
use crate::noise::{self, Key};
use crate::{Adam, Fit, Ivon, KlCost, Posterior, Prior, RandomParameter, Trainer, manual_seed, prune};

const NOISE: f64 = 0.5;
const PRIOR: f64 = 2.0;

fn normals(stream: u64, shape: &[i64]) -> Tensor {
    noise::normals(Key { seed: 9, stream, draw: 0 }, shape, Kind::Float, Device::Cpu)
}

/// A layer of 4 inputs and one output, without a bias.
fn layer(vs: &VarStore, posterior: Posterior) -> Linear {
    let prior = Prior::Gaussian { mean: 0.0, std: PRIOR };
    Linear::new(vs.root(), 4, 1, LinearConfig { bias: false, prior, posterior, ..Default::default() })
}

/// 80 rows of 4 columns, and targets. In each half of them the columns are orthogonal; `mixed` makes them correlate.
fn data(mixed: bool) -> (Tensor, Tensor) {
    let half = |stream| Tensor::linalg_qr(&normals(stream, &[40, 4]), "reduced").0 * 40f64.sqrt();
    let x = Tensor::cat(&[half(1), half(2) * 1.5], 0);
    let x = if mixed { &x + x.select(1, 0).unsqueeze(1) * 0.9 } else { x };
    let truth = Tensor::from_slice(&[1.0f32, -2.0, 0.5, 1.5]).unsqueeze(1);
    let y = x.matmul(&truth) + normals(3, &[80, 1]) * NOISE;
    (x, y)
}

/// Mean `[4]` and precision `[4, 4]` of the exact posterior.
fn exact(x: &Tensor, y: &Tensor) -> (Tensor, Tensor) {
    let (x, y) = (x.to_kind(Kind::Double), y.to_kind(Kind::Double));
    let precision =
        x.tr().matmul(&x) / NOISE.powi(2) + Tensor::eye(4, (Kind::Double, Device::Cpu)) / PRIOR.powi(2);
    let mean = precision.inverse().matmul(&x.tr().matmul(&y)) / NOISE.powi(2);
    (mean.squeeze_dim(1), precision)
}

fn largest(t: &Tensor) -> f64 {
    t.abs().max().double_value(&[])
}

fn nats(net: &Linear) -> f64 {
    let KlCost { nats, .. } = net.kl_cost();
    nats.double_value(&[])
}

/// The posterior's precision of the one output's weights, with what they covary.
fn precision(weight: &RandomParameter) -> Tensor {
    let along = weight
        .sigma_along_axes()
        .unwrap()
        .detach()
        .to_kind(Kind::Double)
        .squeeze_dim(0)
        .pow_tensor_scalar(-2);
    match weight.axes().map(|axes| axes.to_kind(Kind::Double)) {
        Some(axes) => axes.matmul(&along.diag(0)).matmul(&axes.tr()),
        None => along.diag(0),
    }
}

/// The ELBO of a linear model has no need of draws: E|y - xw|² = |y - x mu|² + Σ x² sigma².
fn descend(net: &Linear, vs: &VarStore, x: &Tensor, y: &Tensor) {
    let n = x.size()[0] as usize;
    let mut trainer = Trainer::new(Adam { beta2: 0.99, ..Adam::default() }, n).unwrap();
    for step in 0..1500 {
        trainer.learning_rate = 0.05 * (1.0 - f64::from(step) / 1500.0);
        let nll = || {
            let (mu, sigma) = (net.weight.mu(), net.weight.sigma().unwrap());
            let squares = (y - x.matmul(&mu.tr())).square() + x.square().matmul(&sigma.square().tr());
            Ok(squares.mean(Kind::Float) * (0.5 / NOISE.powi(2)))
        };
        trainer.step(net, vs, 1.0, nll).unwrap();
    }
}

#[test]
fn two_halves_one_after_the_other_are_both_together() {
    tch::set_num_threads(1);
    manual_seed(1);
    let (x, y) = data(false);
    let vs = VarStore::new(Device::Cpu);
    let mut net = layer(&vs, Posterior::fan_in());
    for first in [0, 40] {
        descend(&net, &vs, &x.narrow(0, first, 40), &y.narrow(0, first, 40));
        posterior_as_prior(&mut net).unwrap();
        assert_eq!(nats(&net), 0.0);
    }
    let (mean, precision) = exact(&x, &y);
    let sigma = precision.diag(0).rsqrt();
    // Within each half the columns are orthogonal, so that the exact posteriors are independent ones; what is left is Adam's last step.
    assert!(largest(&((net.weight.mu().squeeze_dim(0) - mean) / &sigma)) < 0.01);
    assert!(largest(&(net.weight.sigma().unwrap().squeeze_dim(0) / &sigma - 1.0)) < 0.01);
}

#[test]
fn a_fit_with_nothing_set_adds_up_what_covaries() {
    tch::set_num_threads(1);
    manual_seed(2);
    let (x, y) = data(true);
    let vs = VarStore::new(Device::Cpu);
    let mut net = layer(&vs, Posterior::AutomaticLast);
    let fit = Fit::new(Gaussian::fixed(NOISE).unwrap())
        .epochs(600)
        .learning_rate(0.02)
        .batch_size(40)
        .progress(false);
    fit.run(&net, &vs, &x.narrow(0, 0, 40), &y.narrow(0, 0, 40)).unwrap();
    posterior_as_prior(&mut net).unwrap();
    assert_eq!(nats(&net), 0.0, "the axes are the prior's too");
    let first = net.weight.axes().unwrap().copy();
    let history = fit.run(&net, &vs, &x.narrow(0, 40, 40), &y.narrow(0, 40, 40)).unwrap();
    assert!(history.remarks.is_empty(), "{:?}", history.remarks);
    assert_ne!(net.weight.axes().unwrap(), &first, "both halves' axes are others than the first one's");
    let (mean, exact) = exact(&x, &y);
    assert!(exact.double_value(&[0, 1]).abs() > 0.3 * exact.double_value(&[1, 1]), "they covary");
    // White where they are one: the curvature, of 64 drawn targets for each of 40 examples, is known to sqrt(6 / 2560), 5 %, in
    // each half; five of them and their sum's.
    let root = exact.linalg_cholesky(false).inverse();
    let white = root.matmul(&precision(&net.weight)).matmul(&root.tr());
    let off = largest(&(white - Tensor::eye(4, (Kind::Double, Device::Cpu))));
    assert!(off < 0.25, "{off}");
    let off = largest(&((net.weight.mu().squeeze_dim(0) - mean) * exact.diag(0).sqrt()));
    assert!(off < 0.3, "the mean is {off} standard deviations off");
}

#[test]
fn ivon_goes_by_it_too() {
    tch::set_num_threads(1);
    let (x, y) = data(false);
    let (mean, precision) = exact(&x, &y);
    let sigma = precision.diag(0).rsqrt();
    for draws in [1, 2] {
        manual_seed(3);
        let vs = VarStore::new(Device::Cpu);
        let mut net = layer(&vs, Posterior::fan_in());
        for first in [0, 40] {
            let (x, y) = (x.narrow(0, first, 40), y.narrow(0, first, 40));
            let mut trainer = Trainer::new(Ivon { beta2: 0.998, ..Ivon::default() }, 40).unwrap();
            for step in 0..1500 {
                trainer.learning_rate = 0.1 * (1.0 - f64::from(step) / 1500.0);
                let nll = || Ok((net.forward(&x) - &y).square().mean(Kind::Float) * (0.5 / NOISE.powi(2)));
                trainer.step_draws(&net, &vs, 1.0, draws, nll).unwrap();
            }
            posterior_as_prior(&mut net).unwrap();
        }
        let off = largest(&((net.weight.mu().squeeze_dim(0) - &mean) / &sigma));
        let ratio = largest(&(net.weight.sigma().unwrap().squeeze_dim(0) / &sigma - 1.0));
        // The Hessian's average over 500 steps of one draw: about sqrt(2 / 500), 6 %, sigma half of that.
        assert!(off < 0.2 && ratio < 0.12, "{draws}: {off}, {ratio}");
    }
}

/// The exact posterior of a Laplace approximation is that of the linear model, whose curvatures add up.
#[test]
fn a_method_s_gaussian_is_the_net_s_and_then_its_prior() {
    manual_seed(4);
    let (x, y) = data(false);
    let vs = VarStore::new(Device::Cpu);
    let mut net = layer(&vs, Posterior::fan_in());
    let how = Laplace::regression(NOISE).prior_precision(PRIOR.powi(-2));
    for first in [0, 40] {
        let half = Tensors::new(vec![x.narrow(0, first, 40)], y.narrow(0, first, 40)).unwrap();
        assert!(
            how.fit(&net, &half).unwrap().set_posterior(&net).unwrap_err().to_string().contains("Diagonal")
        );
        how.clone().structure(Structure::Diagonal).fit(&net, &half).unwrap().set_posterior(&net).unwrap();
        posterior_as_prior(&mut net).unwrap();
    }
    let sigma = exact(&x, &y).1.diag(0).rsqrt();
    assert!(largest(&(net.weight.sigma().unwrap().squeeze_dim(0) / sigma - 1.0)) < 1e-4);

    let mut swag = Swag { rank: 0, ..Swag::default() }.init(&weights(&net)).unwrap();
    assert!(swag.set_posterior(&net).is_err(), "nothing was collected");
    for at in [1.0, 3.0] {
        let iterate = Named::from([("weight".to_owned(), net.weight.mu().full_like(at))]);
        swag.collect(&iterate).unwrap();
    }
    swag.set_posterior(&net).unwrap();
    assert_eq!(net.weight.mu(), &net.weight.mu().full_like(2.0));
    assert!(largest(&(net.weight.sigma().unwrap() - 1.0)) < 1e-6);
}

/// Two Gaussians of 4 dimensions for each of 2 outputs: (tr(S₁⁻¹ S₀) + d' S₁⁻¹ d - 4 + ln det S₁ - ln det S₀) / 2.
#[test]
fn the_kl_is_that_of_two_gaussians() {
    let turned = |weight: &RandomParameter, stream| {
        weight.set_axes(&Tensor::linalg_qr(&normals(stream, &[4, 4]), "reduced").0);
        weight.set_sigma(&(normals(stream + 1, &[2, 4]) * 0.5).exp());
        tch::no_grad(|| weight.mu().shallow_clone().copy_(&normals(stream + 2, &[2, 4])));
    };
    let moments = |weight: &RandomParameter| {
        let own = Tensor::eye(4, (Kind::Double, Device::Cpu));
        let axes = weight.axes().map_or(own, |axes| axes.to_kind(Kind::Double));
        let variance = weight.sigma_along_axes().unwrap().detach().to_kind(Kind::Double).square();
        let covariance = axes.matmul(&variance.diag_embed(0, -2, -1)).matmul(&axes.tr());
        (weight.mu().detach().to_kind(Kind::Double).copy(), covariance)
    };
    let covarying = LinearConfig { bias: false, posterior: Posterior::AutomaticLast, ..Default::default() };
    for (before, after) in [(true, true), (true, false), (false, true), (false, false)] {
        manual_seed(5);
        let vs = VarStore::new(Device::Cpu);
        let mut net = Linear::new(vs.root(), 4, 2, covarying);
        turned(&net.weight, 10);
        if !before {
            net.weight.use_own_axes();
        }
        posterior_as_prior(&mut net).unwrap();
        assert_eq!(nats(&net), 0.0);
        let (m, prior) = moments(&net.weight);
        turned(&net.weight, 20);
        if !after {
            net.weight.use_own_axes();
        }
        let (mu, posterior) = moments(&net.weight);
        let (inverse, off) = (prior.inverse(), (mu - m).unsqueeze(2));
        let trace = inverse.matmul(&posterior).diagonal(0, 1, 2).sum(Kind::Double);
        let squares = off.transpose(1, 2).matmul(&inverse).matmul(&off).sum(Kind::Double);
        let determinants = (prior.logdet() - posterior.logdet()).sum(Kind::Double);
        let expected = ((trace + squares - 8.0 + determinants) * 0.5).double_value(&[]);
        assert!((nats(&net) / expected - 1.0).abs() < 1e-4, "{} for {expected}", nats(&net));
        let each: Vec<f64> = (0..2000)
            .map(|_| {
                let _ = net.weight.draw();
                net.weight.kl_monte_carlo().double_value(&[])
            })
            .collect();
        let each = Tensor::from_slice(&each);
        let error = each.std(true).double_value(&[]) / 2000f64.sqrt();
        assert!((each.mean(Kind::Double).double_value(&[]) - expected).abs() < 5.0 * error);
        posterior_from_prior(&net).unwrap();
        assert!(nats(&net).abs() < 1e-5, "{}", nats(&net));
    }
}

#[test]
fn pruned_weights_have_no_prior() {
    let vs = VarStore::new(Device::Cpu);
    let mut net = layer(&vs, Posterior::AutomaticLast);
    net.weight.set_axes(&Tensor::linalg_qr(&normals(1, &[4, 4]), "reduced").0);
    posterior_as_prior(&mut net).unwrap();
    prune(&mut net, 0.5).unwrap();
    let cost = net.kl_cost();
    assert!(cost.num_params == 2 && cost.nats.double_value(&[]).abs() < 1e-6, "{cost:?}");
    posterior_as_prior(&mut net).unwrap();
    assert_eq!(nats(&net), 0.0);
    let (x, y) = data(false);
    let fit = Fit::new(Gaussian::fixed(NOISE).unwrap()).epochs(2).progress(false);
    fit.run(&net, &vs, &x, &y).unwrap();
    assert!(nats(&net).is_finite() && net.weight.num_pruned() == 2);
}

#[test]
fn what_has_no_gaussian_is_named_and_nothing_has_changed() {
    manual_seed(6);
    for (posterior, word) in [
        (Posterior::point(), "Point"),
        (Posterior::dropout(0.1), "Dropout(0.1)"),
        (Posterior::gaussian_dropout(1.0), "Dropout"),
        (Posterior::lora(1, 1.0), "Lora"),
    ] {
        let vs = VarStore::new(Device::Cpu);
        let other = LinearConfig { posterior, ..Default::default() };
        let mut net = (
            Linear::new(vs.root() / "first", 4, 4, LinearConfig::default()),
            Linear::new(vs.root() / "second", 4, 1, other),
        );
        let message = posterior_as_prior(&mut net).unwrap_err().to_string();
        assert!(message.starts_with("second.weight") && message.contains(word), "{message}");
        assert!(net.0.weight.earlier().is_none());
        assert!(posterior_from_prior(&net).unwrap_err().to_string().starts_with("first.weight"));
    }
    // A weight without a distribution is none of it.
    let vs = VarStore::new(Device::Cpu);
    let plain = LinearConfig { posterior: Posterior::plain(), ..Default::default() };
    let mut net = (Linear::new(vs.root() / "first", 4, 4, plain), layer(&vs, Posterior::fan_in()));
    posterior_as_prior(&mut net).unwrap();
    assert!(net.1.weight.set_prior(Prior::Earlier).is_err(), "no one's to declare");
}

#[test]
fn a_point_that_a_fit_left_is_named() {
    manual_seed(7);
    let vs = VarStore::new(Device::Cpu);
    let config = LinearConfig::default();
    let mut net =
        vec![Linear::new(vs.root() / "first", 4, 3, config), Linear::new(vs.root() / "last", 3, 1, config)];
    let (x, y) = data(false);
    let data = Tensors::new(vec![x], y).unwrap();
    let fit = Fit::new(Gaussian::fixed(NOISE).unwrap()).epochs(2).progress(false);
    let forward =
        |inputs: &[Tensor], net: &[Linear]| net[1].try_forward(&net[0].try_forward(&inputs[0])?.tanh());
    fit.run_with(&net, &vs, &data, |inputs, _| forward(inputs, &net)).unwrap();
    let message = posterior_as_prior(&mut net).unwrap_err().to_string();
    assert!(message.starts_with("first.weight: it ended as a point"), "{message}");
    // With a spread in all layers they are learnt on by variational inference, which is said.
    let laplace = Laplace::regression(NOISE).structure(Structure::Diagonal).per_example();
    laplace.fit_with(&net, &data, |inputs| forward(inputs, &net)).unwrap().set_posterior(&net).unwrap();
    posterior_as_prior(&mut net).unwrap();
    let history = fit.run_with(&net, &vs, &data, |inputs, _| forward(inputs, &net)).unwrap();
    assert!(
        history.remarks.iter().any(|said| said.contains("`0.weight` is an earlier posterior")),
        "{:?}",
        history.remarks
    );
}

#[test]
fn a_file_keeps_it_and_a_run_goes_on_under_it_to_the_bit() {
    let folder = Scratch::new();
    let (x, y) = data(true);
    for posterior in [Posterior::fan_in(), Posterior::AutomaticLast] {
        let fit = || Fit::new(Gaussian::fixed(NOISE).unwrap()).batch_size(16).progress(false);
        let file = folder.join("model.safetensors");
        let run = |runs: &[Fit<Gaussian>]| {
            manual_seed(8);
            let vs = VarStore::new(Device::Cpu);
            let mut net = layer(&vs, posterior);
            fit().epochs(3).run(&net, &vs, &x, &y).unwrap();
            posterior_as_prior(&mut net).unwrap();
            checkpoint::save(&net, &vs, &file).unwrap();
            for run in runs {
                run.run(&net, &vs, &x, &y).unwrap();
            }
            (net.weight.mu().copy(), net.weight.sigma().unwrap().detach(), nats(&net))
        };
        let whole = run(&[fit().epochs(6)]);
        let name = format!("{posterior:?}").chars().take(9).collect::<String>();
        let runs = || Checkpoints::new(folder.join(&name)).every_epochs(1);
        // Stopped after two of six epochs, of which the schedule knows.
        let stop = || fit().epochs(6).checkpoints(runs());
        let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let _ = run(&[stop().interrupt(flag)]);
        assert_eq!(run(&[stop().resume(true)]), whole);

        // A net that was just made takes the file: prior, axes and all.
        let vs = VarStore::new(Device::Cpu);
        let mut other = layer(&vs, posterior);
        assert!(stop().resume(true).run(&other, &vs, &x, &y).is_err(), "its prior is another");
        checkpoint::load(&mut other, &vs, &file).unwrap();
        assert_eq!((other.weight.prior(), nats(&other)), (Prior::Earlier, 0.0));
        assert!(
            other.weight.earlier().unwrap().axes.is_some() == matches!(posterior, Posterior::AutomaticLast)
        );
        // And goes back to a file from before.
        let before = folder.join("before.safetensors");
        let earlier = VarStore::new(Device::Cpu);
        checkpoint::save(&layer(&earlier, posterior), &earlier, &before).unwrap();
        checkpoint::load(&mut other, &vs, &before).unwrap();
        assert_eq!(other.weight.prior(), Prior::Gaussian { mean: 0.0, std: PRIOR });
        assert!(other.weight.earlier().is_none());
    }
}
