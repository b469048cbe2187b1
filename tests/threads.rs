//! Models on other threads, and what a panic in a user's code leaves behind.

use std::panic::{AssertUnwindSafe, catch_unwind};

use illia::likelihood::Categorical;
use illia::nn::{Linear, LinearConfig};
use illia::prelude::*;
use illia::{Fit, Predict};

fn example() -> Tensor {
    (Tensor::arange(5 * 6, (Kind::Float, Device::Cpu)) * 0.37).sin().reshape([5, 6])
}

/// What a seeded model predicts: made in one thread, used in the one that calls.
fn prediction(net: &Linear) -> Tensor {
    illia::manual_seed(5);
    Predict::new().draws(7).run(net, &example()).unwrap().outputs().shallow_clone()
}

fn model() -> (nn::VarStore, Linear) {
    illia::manual_seed(4);
    let vs = nn::VarStore::new(Device::Cpu);
    let config = LinearConfig { estimator: Estimator::Flipout, ..Default::default() };
    let net = Linear::new(vs.root(), 6, 3, config);
    (vs, net)
}

#[test]
fn a_model_moves_to_another_thread_and_is_used_there() {
    let here = prediction(&model().1);
    let (_vs, net) = model();
    let there = std::thread::spawn(move || prediction(&net)).join().unwrap();
    assert_eq!(here, there);
}

#[test]
fn threads_with_seeds_of_their_own_do_not_disturb_each_other() {
    let alone = prediction(&model().1);
    let each: Vec<_> = (0..8).map(|_| std::thread::spawn(|| prediction(&model().1))).collect();
    for thread in each {
        assert_eq!(alone, thread.join().unwrap());
    }
}

#[test]
fn a_frozen_model_trained_and_thawed_elsewhere_is_still_one_model() {
    let (vs, mut net) = model();
    net.freeze();
    let held = net.forward(&example());
    let (vs, net) = std::thread::spawn(move || {
        assert!(net.is_frozen());
        assert_eq!(net.forward(&example()), held);
        net.unfreeze();
        let y = Tensor::from_slice(&[0i64, 1, 2, 0, 1]);
        Fit::new(Categorical).epochs(2).batch_size(2).run(&net, &vs, &example(), &y).unwrap();
        (vs, net)
    })
    .join()
    .unwrap();
    assert!(!net.is_frozen());
    assert!(vs.variables().values().all(|v| v.isfinite().all().int64_value(&[]) == 1));
}

/// Panics in its `at`-th forward.
#[bayesian]
#[derive(Debug)]
struct Fragile {
    inner: Linear,
    #[bayesian(skip)]
    at: std::cell::Cell<usize>,
}

impl ModuleT for Fragile {
    fn forward_t(&self, x: &Tensor, _train: bool) -> Tensor {
        let y = self.inner.forward(x);
        self.at.set(self.at.get().wrapping_sub(1));
        assert_ne!(self.at.get(), 0, "the user's own panic");
        y
    }
}

#[test]
fn a_panic_in_a_users_forward_leaves_nothing_half_done() {
    let (vs, inner) = model();
    let net = Fragile { inner, at: std::cell::Cell::new(3) };
    let y = Tensor::from_slice(&[0i64, 1, 2, 0, 1]);
    let values = || -> Vec<(String, Tensor)> {
        let mut all: Vec<_> = vs.variables().into_iter().map(|(name, v)| (name, v.detach().copy())).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };

    let before = values();
    let predicting = catch_unwind(AssertUnwindSafe(|| Predict::new().draws(900).run(&net, &example())));
    assert!(predicting.is_err());
    assert_eq!(before, values());
    // Gradients are on again, and each forward makes a draw of its own again.
    assert!((net.inner.mu_times_two()).requires_grad());
    assert_ne!(net.inner.forward(&example()), net.inner.forward(&example()));

    net.at.set(1);
    let fitting =
        catch_unwind(AssertUnwindSafe(|| Fit::new(Categorical).epochs(1).run(&net, &vs, &example(), &y)));
    assert!(fitting.is_err());
    assert_eq!(before, values(), "the step that panicked moved nothing");
    assert!((net.inner.mu_times_two()).requires_grad());
    assert_ne!(net.inner.forward(&example()), net.inner.forward(&example()));

    net.at.set(0);
    Fit::new(Categorical).epochs(1).run(&net, &vs, &example(), &y).unwrap();
    assert_ne!(before, values(), "and then it trains");
}

/// A product with a variable, to see whether gradients are recorded.
trait Recorded {
    fn mu_times_two(&self) -> Tensor;
}

impl Recorded for Linear {
    fn mu_times_two(&self) -> Tensor {
        self.parameters()[0].mu() * 2.0
    }
}
