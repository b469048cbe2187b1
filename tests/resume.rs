//! A run that was stopped and went on is the run that was not, to the bit.

#[path = "../illia-core/src/files/scratch.rs"]
mod scratch;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use illia::checkpoint::Checkpoints;
use illia::likelihood::Categorical;
use illia::nn::{Linear, LinearConfig};
use illia::prelude::*;
use illia::{Error, Fit, History, KlSchedule, RateSchedule, Unusable};
use scratch::Scratch;

/// Dropout, an estimator that draws outputs, and a plain draw; it can raise a flag after some forwards.
#[bayesian]
#[derive(Debug)]
struct Net {
    hidden: Linear,
    head: Linear,
    #[bayesian(skip)]
    forwards: AtomicUsize,
    #[bayesian(skip)]
    stop: Option<(usize, Arc<AtomicBool>)>,
}

impl Net {
    fn new(p: &nn::Path, stop: Option<(usize, Arc<AtomicBool>)>) -> Self {
        let estimator = Estimator::LocalReparameterization;
        let config = LinearConfig { estimator, posterior: Posterior::fan_in(), ..Default::default() };
        Net {
            hidden: Linear::new(p / "hidden", 6, 16, config),
            head: Linear::new(p / "head", 16, 3, Default::default()),
            forwards: AtomicUsize::new(0),
            stop,
        }
    }
}

impl ModuleT for Net {
    fn forward_t(&self, x: &Tensor, train: bool) -> Tensor {
        let seen = self.forwards.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some((at, flag)) = &self.stop
            && train
            && seen >= *at
        {
            flag.store(true, Ordering::Relaxed);
        }
        let h = illia::nn::dropout(&self.hidden.forward(x).relu(), 0.3, train);
        self.head.forward(&h)
    }
}

fn data(rows: i64) -> (Tensor, Tensor) {
    let x = (Tensor::arange(rows * 6, (Kind::Float, Device::Cpu)) * 0.37).sin().reshape([rows, 6]);
    let y = x.narrow(1, 0, 3).argmax(1, false);
    (x, y)
}

fn fit() -> Fit<Categorical> {
    let (x, y) = data(20);
    Fit::new(Categorical)
        .batch_size(8)
        .learning_rate(5e-3)
        .learning_rate_schedule(RateSchedule::Step { epochs: 3, factor: 0.5 })
        .kl(KlSchedule::WarmUp { epochs: 5.0 })
        .validation(&x, &y)
        .validation_draws(4)
        .patience(9)
        .progress(false)
}

type Weights = Vec<(String, Vec<f32>)>;

/// A process of its own, as far as illia can tell: the seed set, a new store, a new net.
fn process(
    fit: &Fit<Categorical>,
    stop: Option<(usize, Arc<AtomicBool>)>,
) -> (illia::Result<History>, Weights) {
    illia::manual_seed(11);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Net::new(&vs.root(), stop);
    let (x, y) = data(50);
    let history = fit.run(&net, &vs, &x, &y);
    let mut weights: Weights = vs
        .variables()
        .into_iter()
        .map(|(name, v)| (name, Vec::try_from(v.detach().reshape([-1])).unwrap()))
        .collect();
    weights.sort_by(|a, b| a.0.cmp(&b.0));
    (history, weights)
}

#[test]
fn ten_epochs_are_four_and_six() {
    let whole = process(&fit().epochs(10), None);
    let folder = Scratch::new();
    let checkpoints = || Checkpoints::new(&*folder);
    let (first, _) = process(&fit().epochs(4).checkpoints(checkpoints()), None);
    assert_eq!(first.unwrap().epochs.len(), 4);
    let resumed = process(&fit().epochs(10).checkpoints(checkpoints()).resume(true), None);
    assert_eq!(whole.0.unwrap(), resumed.0.unwrap());
    assert_eq!(whole.1, resumed.1, "bit by bit");
}

#[test]
fn a_run_interrupted_within_an_epoch_goes_on_with_its_next_batch() {
    let whole = process(&fit().epochs(6), None);
    for at in [1, 5, 16, 41] {
        let folder = Scratch::new();
        let flag = Arc::new(AtomicBool::new(false));
        let with = || fit().epochs(6).checkpoints(Checkpoints::new(&*folder).every_steps(3).keep(2));
        let (stopped, _) = process(&with().interrupt(Arc::clone(&flag)), Some((at, flag)));
        assert!(stopped.unwrap().interrupted, "after {at} forwards");
        let resumed = process(&with().resume(true), None);
        assert_eq!(whole.0.as_ref().unwrap(), &resumed.0.unwrap());
        assert_eq!(whole.1, resumed.1, "interrupted after {at} forwards");
        assert!(std::fs::read_dir(&folder).unwrap().count() <= 2, "the newest two are kept");
    }
}

#[test]
fn a_finished_run_resumed_is_the_same_run() {
    let folder = Scratch::new();
    let with = || fit().epochs(3).checkpoints(Checkpoints::new(&*folder));
    let first = process(&with(), None);
    let again = process(&with().resume(true), None);
    assert_eq!(first.0.unwrap(), again.0.unwrap());
    assert_eq!(first.1, again.1);
}

#[test]
fn a_folder_of_another_run_and_other_settings_are_refused() {
    let folder = Scratch::new();
    process(&fit().epochs(1).checkpoints(Checkpoints::new(&*folder)), None).0.unwrap();
    let reason = |fit: Fit<Categorical>| match process(&fit.checkpoints(Checkpoints::new(&*folder)), None).0 {
        Err(Error::Checkpoint { reason: Unusable::Architecture(text), .. }) => text,
        other => panic!("{other:?}"),
    };
    assert!(reason(fit().epochs(2)).starts_with("it holds another run's checkpoints"));
    let other_batches = reason(fit().epochs(2).batch_size(9).resume(true));
    assert_eq!(
        other_batches,
        "the batch size is 8 in the file and 9 in this run; `Fit::allow_changes(true)` goes on all the same"
    );
}

/// What [`process`] trains, but with data and a likelihood to choose.
fn go_on<L: illia::likelihood::Likelihood>(
    fit: Fit<L>,
    folder: &Path,
    estimator: Estimator,
    change: impl Fn(&Tensor, &Tensor) -> (Tensor, Tensor),
) -> illia::Result<History> {
    illia::manual_seed(11);
    let vs = nn::VarStore::new(Device::Cpu);
    let config = LinearConfig { estimator, ..Default::default() };
    let net = Linear::new(vs.root(), 6, 3, config);
    let (x, y) = data(50);
    let (x, y) = change(&x, &y);
    fit.progress(false).checkpoints(Checkpoints::new(folder)).resume(true).run(&net, &vs, &x, &y)
}

/// A likelihood of one's own, with a setting.
#[derive(Debug)]
struct Tempered(f64);

impl illia::likelihood::Likelihood for Tempered {
    fn log_likelihood(&self, output: &Tensor, target: &Tensor) -> illia::Result<Tensor> {
        Ok(Categorical.log_likelihood(output, target)? * self.0)
    }
    fn mean(&self, output: &Tensor) -> Tensor {
        Categorical.mean(output)
    }
    fn variance(&self, output: &Tensor) -> Tensor {
        Categorical.variance(output)
    }
    fn cdf(&self, _: &Tensor, _: &Tensor) -> Option<Tensor> {
        None
    }
}

#[test]
fn a_run_goes_on_under_other_data_or_settings_only_where_that_is_allowed() {
    let folder = Scratch::new();
    let same = |x: &Tensor, y: &Tensor| (x.shallow_clone(), y.shallow_clone());
    let other = |x: &Tensor, y: &Tensor| (x * 1.001, y.shallow_clone());
    let fit = |epochs| Fit::new(Tempered(1.0)).epochs(epochs).batch_size(8);
    let by = Estimator::Reparameterization;
    go_on(fit(1), &folder, by, same).unwrap();
    let refused = |outcome: illia::Result<History>, what: &str| match outcome {
        Err(Error::Checkpoint { reason: Unusable::Architecture(text), .. }) => {
            assert!(text.starts_with(what) && text.contains("`Fit::allow_changes(true)`"), "{text}");
        }
        outcome => panic!("{what}: {outcome:?}"),
    };
    refused(go_on(fit(2), &folder, by, other), "the data's fingerprint is ");
    refused(
        go_on(fit(2).learning_rate(0.01), &folder, by, same),
        "the learning rate is 0.003 in the file and 0.01",
    );
    let cosine = fit(2).learning_rate_schedule(RateSchedule::Cosine);
    refused(
        go_on(cosine, &folder, by, same),
        "the learning rate's schedule is None in the file and Some(Cosine)",
    );
    let colder = fit(2).kl(KlSchedule::Constant(0.5));
    refused(
        go_on(colder, &folder, by, same),
        "the KL's schedule is Constant(1.0) in the file and Constant(0.5)",
    );
    refused(
        go_on(fit(2).micro_batch(3), &folder, by, same),
        "the micro batch is None in the file and Some(3)",
    );
    refused(go_on(fit(2).group("bias", 0.5), &folder, by, same), "the list of groups is [] in the file");
    refused(go_on(fit(2).clip(illia::Clip::none()), &folder, by, same), "what clips gradients is Clip");
    refused(go_on(fit(2).optimiser(illia::Sgd::default()), &folder, by, same), "the learning rate is 0.003");
    let betas = illia::Adam { learning_rate: 3e-3, beta1: 0.8, ..Default::default() };
    refused(go_on(fit(2).optimiser(betas), &folder, by, same), "the optimiser is Adam");
    let (x, y) = data(20);
    refused(
        go_on(fit(2).validation(&x, &y), &folder, by, same),
        "the validation's fingerprint is none in the file",
    );
    let hotter = Fit::new(Tempered(0.5)).epochs(2).batch_size(8);
    refused(
        go_on(hotter, &folder, by, same),
        "the likelihood is Tempered(1.0) in the file and Tempered(0.5)",
    );
    refused(
        go_on(fit(2), &folder, Estimator::Flipout, same),
        "the estimator of `weight` is Reparameterization",
    );
    let fewer = |x: &Tensor, y: &Tensor| (x.narrow(0, 0, 40), y.narrow(0, 0, 40));
    refused(go_on(fit(2), &folder, by, fewer), "the data's fingerprint is ");
    // Each, where it is allowed, and all at once.
    for outcome in [
        go_on(fit(2).allow_changes(true), &folder, by, other),
        go_on(fit(3).learning_rate(0.01).allow_changes(true), &folder, by, other),
        go_on(
            fit(4).optimiser(illia::Sgd::default()).allow_changes(true),
            &folder,
            Estimator::Flipout,
            fewer,
        ),
    ] {
        outcome.unwrap();
    }
    assert!(matches!(
        Fit::new(Categorical).allow_changes(true).run(
            &Linear::new(nn::VarStore::new(Device::Cpu).root(), 6, 3, Default::default()),
            &nn::VarStore::new(Device::Cpu),
            &data(50).0,
            &data(50).1
        ),
        Err(Error::Configuration { name, .. }) if name == "allow_changes"
    ));
}

#[test]
fn within_an_epoch_the_rows_stay_the_same_whatever_is_allowed() {
    let folder = Scratch::new();
    let flag = Arc::new(AtomicBool::new(true));
    let same = |x: &Tensor, y: &Tensor| (x.shallow_clone(), y.shallow_clone());
    let fit = || Fit::new(Categorical).epochs(2).batch_size(8);
    assert!(go_on(fit().interrupt(flag), &folder, Estimator::Automatic, same).unwrap().interrupted);
    let smaller = fit().batch_size(7).allow_changes(true);
    let error = go_on(smaller, &folder, Estimator::Automatic, same).unwrap_err().to_string();
    assert!(error.contains("the batch size is 8") && error.contains("within an epoch"), "{error}");
}

/// What is trained is not a setting, however it prints.
#[test]
fn a_learned_noise_is_the_same_likelihood_before_and_after() {
    let folder = Scratch::new();
    illia::manual_seed(11);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Linear::new(vs.root() / "net", 6, 1, LinearConfig::default());
    let noise = illia::likelihood::Gaussian::learned(vs.root() / "noise", 0.5).unwrap();
    let x = data(50).0;
    let y = x.narrow(1, 0, 1);
    for epochs in [1, 2] {
        let fit = Fit::new(&noise).epochs(epochs).progress(false);
        fit.checkpoints(Checkpoints::new(&*folder)).resume(true).run(&net, &vs, &x, &y).unwrap();
    }
    assert!((noise.std() - 0.5).abs() > 1e-6);
}

#[test]
fn a_damaged_newest_checkpoint_is_passed_over() {
    let folder = Scratch::new();
    let whole = process(&fit().epochs(5), None);
    process(&fit().epochs(4).checkpoints(Checkpoints::new(&*folder)), None).0.unwrap();
    let newest = Checkpoints::new(&*folder).latest().unwrap().unwrap();
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    let resumed = process(&fit().epochs(5).checkpoints(Checkpoints::new(&*folder)).resume(true), None);
    assert_eq!(whole.0.unwrap(), resumed.0.unwrap());
    assert_eq!(whole.1, resumed.1);
}
