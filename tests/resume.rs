//! A run that was stopped and went on is the run that was not, to the bit.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use illia::checkpoint::Checkpoints;
use illia::likelihood::Categorical;
use illia::nn::{Linear, LinearConfig};
use illia::prelude::*;
use illia::{Error, Fit, History, KlSchedule, RateSchedule, Unusable};

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

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("illia-resume-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
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
    let folder = Folder::new("four-and-six");
    let checkpoints = || Checkpoints::new(&folder.0);
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
        let folder = Folder::new(&format!("interrupted-{at}"));
        let flag = Arc::new(AtomicBool::new(false));
        let with = || fit().epochs(6).checkpoints(Checkpoints::new(&folder.0).every_steps(3).keep(2));
        let (stopped, _) = process(&with().interrupt(Arc::clone(&flag)), Some((at, flag)));
        assert!(stopped.unwrap().interrupted, "after {at} forwards");
        let resumed = process(&with().resume(true), None);
        assert_eq!(whole.0.as_ref().unwrap(), &resumed.0.unwrap());
        assert_eq!(whole.1, resumed.1, "interrupted after {at} forwards");
        assert!(std::fs::read_dir(&folder.0).unwrap().count() <= 2, "the newest two are kept");
    }
}

#[test]
fn a_finished_run_resumed_is_the_same_run() {
    let folder = Folder::new("finished");
    let with = || fit().epochs(3).checkpoints(Checkpoints::new(&folder.0));
    let first = process(&with(), None);
    let again = process(&with().resume(true), None);
    assert_eq!(first.0.unwrap(), again.0.unwrap());
    assert_eq!(first.1, again.1);
}

#[test]
fn a_folder_of_another_run_and_other_settings_are_refused() {
    let folder = Folder::new("refused");
    process(&fit().epochs(1).checkpoints(Checkpoints::new(&folder.0)), None).0.unwrap();
    let reason = |fit: Fit<Categorical>| match process(&fit.checkpoints(Checkpoints::new(&folder.0)), None).0
    {
        Err(Error::Checkpoint { reason: Unusable::Architecture(text), .. }) => text,
        other => panic!("{other:?}"),
    };
    assert!(reason(fit().epochs(2)).starts_with("it holds another run's checkpoints"));
    let other_batches = reason(fit().epochs(2).batch_size(9).resume(true));
    assert_eq!(other_batches, "the batch size is 8 in the file and 9 in this run");
}

#[test]
fn a_damaged_newest_checkpoint_is_passed_over() {
    let folder = Folder::new("damaged");
    let whole = process(&fit().epochs(5), None);
    process(&fit().epochs(4).checkpoints(Checkpoints::new(&folder.0)), None).0.unwrap();
    let newest = Checkpoints::new(&folder.0).latest().unwrap().unwrap();
    let bytes = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &bytes[..bytes.len() / 2]).unwrap();
    let resumed = process(&fit().epochs(5).checkpoints(Checkpoints::new(&folder.0)).resume(true), None);
    assert_eq!(whole.0.unwrap(), resumed.0.unwrap());
    assert_eq!(whole.1, resumed.1);
}
