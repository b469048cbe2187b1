//! The fast step against plain autograd, and what a run promises.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use illia::likelihood::Categorical;
use illia::nn::{Linear, LinearConfig};
use illia::prelude::*;
use illia::{Adam, Best, Elbo, EpochRecord, Trainer, metrics};

bnn! {
    struct Net(prior: Prior, estimator: Estimator): [1, 6, 6] -> [4] {
        prior: (prior);
        estimator: (estimator);

        conv: Conv2d(3, kernel: 3, posterior: FanIn) -> relu -> flatten,
        head: Linear(4, posterior: (Posterior::default())),
    }
}

fn batch() -> (Tensor, Tensor) {
    let x = Tensor::arange(5 * 36, (Kind::Float, Device::Cpu)).sin().reshape([5, 1, 6, 6]);
    (x, Tensor::from_slice(&[0i64, 3, 1, 2, 2]))
}

/// Every variable after `steps` steps from the same start, by name.
fn trained(prior: Prior, estimator: Estimator, steps: usize, fast: bool) -> Vec<(String, Tensor)> {
    illia::manual_seed(3);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Net::new(&vs.root(), prior, estimator);
    let (x, y) = batch();
    let adam = Adam { learning_rate: 1e-2, ..Default::default() };
    illia::manual_seed(4);
    if fast {
        let mut trainer = Trainer::new(adam, 50).unwrap();
        for _ in 0..steps {
            let nll = || Ok(-Categorical.log_likelihood(&net.forward(&x), &y)?.mean(Kind::Float));
            trainer.step(&net, &vs, 0.5, nll).unwrap();
        }
    } else {
        let mut optimiser = nn::Adam::default().build(&vs, adam.learning_rate).unwrap();
        let elbo = Elbo::new(Categorical, 50).unwrap().kl_weight(0.5);
        for _ in 0..steps {
            optimiser.backward_step(&elbo.loss(&net, &x, &y).unwrap().loss);
        }
    }
    let mut variables: Vec<_> = vs.variables().into_iter().collect();
    variables.sort_by(|a, b| a.0.cmp(&b.0));
    variables
}

#[test]
fn the_fast_step_gives_what_plain_autograd_gives() {
    let estimators = [Estimator::Reparameterization, Estimator::LocalReparameterization, Estimator::Flipout];
    let priors = [
        Prior::default(),
        Prior::Gaussian { mean: 0.5, std: 2.0 },
        Prior::Laplace { scale: 0.3 },
        Prior::ScaleMixture { pi: 0.5, std1: 1.0, std2: 0.1 },
        Prior::StudentT { dof: 3.0, scale: 0.5 },
        Prior::LearnedGaussian { std: 0.2 },
    ];
    for estimator in estimators {
        for prior in priors {
            let (ours, reference) = (trained(prior, estimator, 5, true), trained(prior, estimator, 5, false));
            for ((name, ours), (_, reference)) in ours.iter().zip(&reference) {
                // Adam's first steps move every weight by about the learning rate, 1e-2, whatever the size of its
                // gradient; an error of a millionth part of the gradient shows as 1e-8 of movement.
                let off = (ours - reference).abs().max().double_value(&[]);
                assert!(off < 2e-6, "{prior:?}, {estimator:?}, {name}: off by {off:e}");
            }
        }
    }
}

/// Three clouds and what a small net is told of them: the examples, as many to validate by.
fn clouds() -> [(Tensor, Tensor); 2] {
    [0, 1].map(|_| {
        let y = Tensor::randint(3, [90], (Kind::Int64, Device::Cpu));
        let centres = Tensor::from_slice2(&[[2f32, 0.0], [-1.0, 1.7], [-1.0, -1.7]]);
        (centres.index_select(0, &y) + Tensor::randn([90, 2], (Kind::Float, Device::Cpu)), y)
    })
}

fn accuracy(prediction: &Prediction, y: &Tensor) -> illia::Result<f64> {
    metrics::accuracy(&prediction.predictive_mean(&Categorical), y)
}

#[test]
fn metrics_are_recorded_and_choose_the_best_epoch() {
    illia::manual_seed(4);
    let [(x, y), (held_x, held_y)] = clouds();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Linear::new(vs.root(), 2, 3, LinearConfig::default());
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let fit = Fit::new(Categorical).epochs(30).progress(false).validation(&held_x, &held_y);
    let fit = fit.metric("accuracy", accuracy).best_by("accuracy", Best::Largest).on_epoch(move |epoch| {
        assert_eq!(epoch.epoch, count.fetch_add(1, Ordering::Relaxed) + 1);
        ControlFlow::Continue(())
    });
    let history = fit.run(&net, &vs, &x, &y).unwrap();
    assert_eq!((history.epochs.len(), seen.load(Ordering::Relaxed)), (30, 30));
    let all: Vec<f64> = history.epochs.iter().map(|epoch| epoch.metrics["accuracy"]).collect();
    let most = all.iter().copied().fold(0.0, f64::max);
    // Of equal ones the first.
    let first = all.iter().position(|accuracy| *accuracy == most).map(|at| at + 1);
    assert_eq!(history.best_epoch, first);
    assert!(all.iter().any(|accuracy| *accuracy < most), "{all:?}");
}

#[test]
fn a_metric_that_is_no_number_is_never_the_best_and_patience_ends_the_run() {
    let [(x, y), (held_x, held_y)] = clouds();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Linear::new(vs.root(), 2, 3, LinearConfig::default());
    let fit = Fit::new(Categorical).epochs(30).progress(false).validation(&held_x, &held_y).patience(4);
    let fit = fit.metric("ratio", |_: &Prediction, _: &Tensor| Ok(f64::NAN)).best_by("ratio", Best::Largest);
    let history = fit.run(&net, &vs, &x, &y).unwrap();
    assert_eq!((history.epochs.len(), history.best_epoch), (4, None));
}

#[test]
fn code_of_the_users_ends_a_run_after_its_epoch() {
    let [(x, y), _] = clouds();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Linear::new(vs.root(), 2, 3, LinearConfig::default());
    let stop = |epoch: &EpochRecord| match epoch.epoch {
        7 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let history =
        Fit::new(Categorical).epochs(30).progress(false).on_epoch(stop).run(&net, &vs, &x, &y).unwrap();
    assert_eq!((history.epochs.len(), history.interrupted), (7, false));
}

#[test]
fn metrics_that_cannot_be_measured_are_refused() {
    let [(x, y), _] = clouds();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Linear::new(vs.root(), 2, 3, LinearConfig::default());
    let said = |fit: Fit<Categorical>| fit.progress(false).run(&net, &vs, &x, &y).unwrap_err().to_string();
    let with = || Fit::new(Categorical).validation(&x, &y);
    assert!(
        said(Fit::new(Categorical).metric("accuracy", accuracy)).contains("only together with validation")
    );
    assert!(said(with().best_by("accuracy", Best::Largest)).contains("the name of a `metric`"));
    let twice = with().metric("accuracy", accuracy).metric("accuracy", accuracy);
    assert!(said(twice).contains("a name of its own"));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    assert!(said(Fit::new(Categorical).tensorboard(file)).contains("a folder, not a file"));
}
