//! One step of training: its gradients against plain autograd's, clipping, and optimisers against PyTorch's formulas in f64.

use std::collections::BTreeMap;

use illia::nn::{Linear, LinearConfig};
use illia::prelude::*;
use illia::{Adam, AdamW, Clip, Optimiser, Sgd, Trainer, prune};

const FLOATS: (Kind, Device) = (Kind::Float, Device::Cpu);
const RATE: f64 = 0.5;

/// A step by it is `RATE` times the gradient.
fn plain() -> Sgd {
    Sgd { learning_rate: RATE, momentum: 0.0, ..Sgd::default() }
}

fn linear(p: nn::Path, prior: Prior) -> Linear {
    let posterior = Posterior::Gaussian { mu: nn::init::DEFAULT_KAIMING_UNIFORM, rho: nn::Init::Const(-1.0) };
    let estimator = Estimator::Reparameterization;
    Linear::new(p, 6, 4, LinearConfig { prior, posterior, estimator, ..Default::default() })
}

fn batch() -> (Tensor, Tensor) {
    (Tensor::arange(30, FLOATS).sin().reshape([5, 6]), Tensor::from_slice(&[0i64, 3, 1, 2, 2]))
}

/// The gradients of an objective of 3 draws by the step and by plain autograd, both from the same draws.
fn both(prior: Prior, pruned: f64) -> [BTreeMap<String, Tensor>; 2] {
    [true, false].map(|step| {
        illia::manual_seed(3);
        let vs = nn::VarStore::new(Device::Cpu);
        let mut net = linear(vs.root(), prior);
        prune(&mut net, pruned).unwrap();
        let (x, y) = batch();
        if step {
            let before: BTreeMap<_, _> = vs.variables().iter().map(|(n, v)| (n.clone(), v.copy())).collect();
            let nll = || Ok(-Categorical.log_likelihood(&net.try_forward(&x)?, &y)?.mean(Kind::Float));
            let mut trainer = Trainer::new(plain(), 20).unwrap();
            trainer.step_draws(&net, &vs, 0.7, 3, nll).unwrap();
            let moved = |(name, v): (String, Tensor)| {
                // What is pruned has a rho of minus infinity and stays there.
                let by = (&before[&name] - v.detach()).nan_to_num(0.0, None, None) / RATE;
                (name, by)
            };
            vs.variables().into_iter().map(moved).collect()
        } else {
            let elbo = Elbo::new(Categorical, 20).unwrap().kl_weight(0.7).draws(3);
            elbo.loss(&net, &x, &y).unwrap().loss.backward();
            let gradient = |v: &Tensor| v.grad().nan_to_num(0.0, None, None);
            vs.variables().into_iter().map(|(name, v)| (name, gradient(&v))).collect()
        }
    })
}

fn assert_same(prior: Prior, pruned: f64) {
    let [step, autograd] = both(prior, pruned);
    assert_eq!(step.len(), autograd.len());
    for (name, gradient) in &step {
        let expected = &autograd[name];
        assert!(gradient.allclose(expected, 1e-4, 1e-5, false), "{name}: {gradient} and {expected}");
        // All biases may be pruned.
        let some = expected.abs().sum(Kind::Float).double_value(&[]) > 1e-4;
        assert!(some || (pruned > 0.0 && name.starts_with("bias")), "{name} has a gradient");
    }
}

/// The same for a layer whose weights covary.
fn both_covarying(estimator: Estimator, draws: usize) -> [BTreeMap<String, Tensor>; 2] {
    [true, false].map(|step| {
        illia::manual_seed(3);
        let vs = nn::VarStore::new(Device::Cpu);
        let posterior = Posterior::AutomaticLast;
        let net = Linear::new(vs.root(), 6, 4, LinearConfig { posterior, estimator, ..Default::default() });
        let (axes, _) =
            Tensor::linalg_qr(&(Tensor::arange(36, FLOATS) * 7.0).sin().reshape([6, 6]), "reduced");
        tch::no_grad(|| vs.variables()["weight.axes"].shallow_clone().copy_(&axes));
        let spread = (Tensor::arange(24, FLOATS) * 3.0).cos().reshape([4, 6]);
        tch::no_grad(|| net.weight.rho().unwrap().shallow_clone().copy_(&spread));
        let (x, y) = batch();
        let trained: Vec<_> = vs.variables().into_iter().filter(|(_, v)| v.requires_grad()).collect();
        if step {
            let before: BTreeMap<_, _> = trained.iter().map(|(n, v)| (n.clone(), v.copy())).collect();
            let nll = || Ok(-Categorical.log_likelihood(&net.try_forward(&x)?, &y)?.mean(Kind::Float));
            let mut trainer = Trainer::new(plain(), 20).unwrap();
            trainer.step_draws(&net, &vs, 0.7, draws, nll).unwrap();
            assert!(vs.variables()["weight.axes"].equal(&axes), "axes are not trained");
            trained
                .into_iter()
                .map(|(name, v)| (name.clone(), (&before[&name] - v.detach()) / RATE))
                .collect()
        } else {
            let elbo = Elbo::new(Categorical, 20).unwrap().kl_weight(0.7).draws(draws);
            elbo.loss(&net, &x, &y).unwrap().loss.backward();
            trained.into_iter().map(|(name, v)| (name, v.grad())).collect()
        }
    })
}

#[test]
fn steps_of_weights_that_covary_are_autograds() {
    for (estimator, draws) in [
        (Estimator::Reparameterization, 1),
        (Estimator::Reparameterization, 3),
        (Estimator::LocalReparameterization, 1),
        (Estimator::Flipout, 1),
    ] {
        let [step, autograd] = both_covarying(estimator, draws);
        assert_eq!(step.len(), 4);
        for (name, gradient) in &step {
            let expected = &autograd[name];
            assert!(gradient.allclose(expected, 1e-4, 1e-5, false), "{name}: {gradient} and {expected}");
        }
    }
}

#[test]
fn several_draws_a_step_are_autograds_average() {
    assert_same(Prior::Gaussian { mean: 0.1, std: 0.4 }, 0.0);
}

#[test]
fn several_draws_a_step_are_autograds_average_under_a_learned_prior() {
    assert_same(Prior::LearnedGaussian { std: 0.3 }, 0.0);
}

#[test]
fn several_draws_a_step_are_autograds_average_without_a_closed_kl() {
    assert_same(Prior::ScaleMixture { pi: 0.5, std1: 1.0, std2: 0.1 }, 0.0);
}

#[test]
fn several_draws_a_step_are_autograds_average_with_pruned_weights() {
    assert_same(Prior::LearnedGaussian { std: 0.3 }, 0.5);
    assert_same(Prior::Gaussian { mean: 0.0, std: 0.4 }, 0.5);
}

/// A plain variable with its loss w . g, so that the gradient is g at every step.
struct Slope {
    vs: nn::VarStore,
    w: Tensor,
    g: Tensor,
}

impl Slope {
    fn new() -> Self {
        let vs = nn::VarStore::new(Device::Cpu);
        let w = vs.root().var_copy("w", &Tensor::from_slice(&[1f32, -2.0, 3.0]));
        Slope { vs, w, g: Tensor::from_slice(&[3f32, 0.5, -4.0]) }
    }

    /// The variable after `steps` steps, in step i with the gradient g cos(i).
    fn after(&self, trainer: &mut Trainer, steps: i32) -> Vec<f64> {
        for i in 0..steps {
            let nll = || Ok((&self.w * &self.g).sum(Kind::Float) * f64::from(i).cos());
            let plain: [Linear; 0] = [];
            trainer.step(&plain, &self.vs, 1.0, nll).unwrap();
        }
        Vec::try_from(self.w.detach().to_kind(Kind::Double)).unwrap()
    }

    fn trained(optimiser: impl Optimiser + 'static, steps: i32) -> Vec<f64> {
        Slope::new().after(&mut Trainer::new(optimiser, 1).unwrap(), steps)
    }

    /// The same by a formula for one weight: `step(i, w, gradient)` gives the next weight.
    fn by(steps: i32, formula: impl Fn() -> Box<dyn FnMut(i32, f64, f64) -> f64>) -> Vec<f64> {
        let one = |(w, g): (f64, f64)| {
            let mut step = formula();
            (0..steps).fold(w, |w, i| step(i, w, g * f64::from(i).cos()))
        };
        [(1.0, 3.0), (-2.0, 0.5), (3.0, -4.0)].map(one).to_vec()
    }
}

fn assert_close(given: &[f64], expected: &[f64]) {
    let close = given.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5 * b.abs().max(1.0));
    assert!(close && given.len() == expected.len(), "{given:?} and {expected:?}");
}

#[test]
fn clipping_by_value_bounds_each_element() {
    let mut trainer = Trainer::new(plain(), 1).unwrap();
    trainer.clip = Clip { value: Some(1.0), ..Clip::none() };
    assert_close(&Slope::new().after(&mut trainer, 1), &[1.0 - RATE, -2.0 - 0.5 * RATE, 3.0 + RATE]);
}

#[test]
fn clipping_by_norm_keeps_the_direction() {
    let mut trainer = Trainer::new(plain(), 1).unwrap();
    trainer.clip = Clip { norm: Some(2.0), ..Clip::none() };
    let by = 2.0 * RATE / (9.0f64 + 0.25 + 16.0).sqrt();
    assert_close(&Slope::new().after(&mut trainer, 1), &[1.0 - 3.0 * by, -2.0 - 0.5 * by, 3.0 + 4.0 * by]);
    trainer.clip = Clip { norm: Some(100.0), ..Clip::none() };
    let unclipped = [1.0 - 3.0 * RATE, -2.0 - 0.5 * RATE, 3.0 + 4.0 * RATE];
    assert_close(&Slope::new().after(&mut trainer, 1), &unclipped);
}

/// The norm is that of all variables' gradients together, a mean-field Gaussian's among them.
#[test]
fn clipping_by_norm_takes_all_variables_together() {
    let gradients = |clip: Clip| {
        illia::manual_seed(6);
        let vs = nn::VarStore::new(Device::Cpu);
        let net = linear(vs.root(), Prior::Gaussian { mean: 0.0, std: 1.0 });
        let before = net.weight.mu().copy();
        let mut trainer = Trainer::new(plain(), 1).unwrap();
        trainer.clip = clip;
        let (x, y) = batch();
        let nll = || Ok(-Categorical.log_likelihood(&net.try_forward(&x)?, &y)?.mean(Kind::Float) * 100.0);
        trainer.step(&net, &vs, 0.0, nll).unwrap();
        before - net.weight.mu().detach()
    };
    let (whole, clipped) = (gradients(Clip::default()), gradients(Clip { norm: Some(1e-3), ..Clip::none() }));
    let norm = |t: &Tensor| t.norm().double_value(&[]);
    assert!(norm(&clipped) <= 1e-3 * RATE * 1.0001, "{}", norm(&clipped));
    let cosine = (&whole * &clipped).sum(Kind::Float).double_value(&[]) / (norm(&whole) * norm(&clipped));
    assert!(cosine > 0.9999, "{cosine}");
}

/// A line that is fitted by Adam at 1e-2; the objective of one step is `factor` times as large as it should be. Gives the distance of
/// the slope from what it should be, 100 steps after that, and the weights.
fn after_a_spike(clip: Clip, factor: f64) -> (f64, Tensor) {
    illia::manual_seed(7);
    let vs = nn::VarStore::new(Device::Cpu);
    let posterior = Posterior::Point { mu: nn::Init::Const(0.0) };
    let net = Linear::new(vs.root(), 1, 1, LinearConfig { posterior, ..Default::default() });
    let mut trainer = Trainer::new(Adam { learning_rate: 1e-2, ..Adam::default() }, 1000).unwrap();
    trainer.clip = clip;
    for step in 0..200i64 {
        let x = (Tensor::arange(32, (Kind::Float, Device::Cpu)) * 7.0 + step).sin().unsqueeze(1);
        let y = &x * 3.0 + (&x * 1e3).sin() * 0.5;
        let times = if step == 100 { factor } else { 1.0 };
        let nll = || Ok((net.try_forward(&x)? - &y).square().mean(None) * times);
        trainer.step(&net, &vs, 1.0, nll).unwrap();
    }
    ((net.weight.mu().double_value(&[0, 0]) - 3.0).abs(), net.weight.mu().copy())
}

#[test]
fn one_spike_costs_a_step_and_not_the_memory_of_the_optimiser() {
    let never = after_a_spike(Clip::none(), 1.0);
    // Nothing is a spike that is not ten times as large as usual: the same bits.
    assert_eq!(never.1, after_a_spike(Clip::default(), 1.0).1);
    // A step of 1e6 times the gradient leaves Adam's mean square so high that it stands still for thousands of steps.
    let (stuck, mended) = (after_a_spike(Clip::none(), 1e6).0, after_a_spike(Clip::default(), 1e6).0);
    assert!(stuck > never.0 + 0.4, "{stuck}, and {} without a spike", never.0);
    assert!((mended - never.0).abs() < 0.2, "{mended}, and {} without a spike", never.0);
}

/// What is usual follows the gradients: an objective that grows a hundredfold for good is followed after some steps.
#[test]
fn gradients_that_stay_large_become_usual() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net =
        Linear::new(vs.root(), 6, 4, LinearConfig { posterior: Posterior::point(), ..Default::default() });
    let (x, y) = batch();
    let mut trainer = Trainer::new(plain(), 1).unwrap();
    // The length of a step by the objective's factor: that of its gradient, unless it is clipped.
    let mut length = |factor: f64| {
        let before = net.weight.mu().copy();
        let nll = || Ok(-Categorical.log_likelihood(&net.try_forward(&x)?, &y)?.mean(Kind::Float) * factor);
        trainer.step(&net, &vs, 0.0, nll).unwrap();
        (net.weight.mu().detach() - before).norm().double_value(&[]) / factor
    };
    let usual = (0..40).map(|_| length(1e-4)).last().unwrap();
    let first = length(1e-2);
    let later = (0..60).map(|_| length(1e-2)).last().unwrap();
    // Ten times the usual gradient in place of a hundred times; then all of it but for the way that was made.
    assert!((first / usual - 0.1).abs() < 0.01 && later > 0.8 * usual, "{usual}, {first}, {later}");
}

/// PyTorch's SGD: v = momentum v + (g + decay w), w -= rate v; with Nesterov w -= rate (g + decay w + momentum v).
#[test]
fn sgd_takes_pytorchs_steps() {
    for nesterov in [false, true] {
        let sgd = Sgd { learning_rate: 0.05, momentum: 0.8, nesterov, weight_decay: 0.1 };
        let expected = Slope::by(12, || {
            let mut v = 0.0;
            Box::new(move |_, w, g| {
                let g = g + 0.1 * w;
                v = 0.8 * v + g;
                w - 0.05 * if nesterov { g + 0.8 * v } else { v }
            })
        });
        assert_close(&Slope::trained(sgd, 12), &expected);
    }
}

/// PyTorch's Adam, and AdamW with w *= 1 - rate decay before it.
#[test]
fn adam_and_adamw_take_pytorchs_steps() {
    let adam = Adam { learning_rate: 0.02, beta1: 0.8, beta2: 0.95, eps: 1e-8 };
    let expected = |decay: f64| {
        Slope::by(12, || {
            let (mut m, mut s) = (0.0, 0.0);
            Box::new(move |i, w, g| {
                m = 0.8 * m + 0.2 * g;
                s = 0.95 * s + 0.05 * g * g;
                let (m, s) = (m / (1.0 - 0.8f64.powi(i + 1)), s / (1.0 - 0.95f64.powi(i + 1)));
                w * (1.0 - 0.02 * decay) - 0.02 * m / (s.sqrt() + 1e-8)
            })
        })
    };
    assert_close(&Slope::trained(adam, 12), &expected(0.0));
    assert_close(&Slope::trained(AdamW { adam, weight_decay: 0.3 }, 12), &expected(0.3));
}
