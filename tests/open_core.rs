//! The open core: given draws, teachers, several inputs, parts of a batch, groups, and files of the version before.

#[path = "../illia-core/src/files/scratch.rs"]
mod scratch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use illia::checkpoint::Checkpoints;
use illia::data::Tensors;
use illia::likelihood::Gaussian;
use illia::nn::{Linear, LinearConfig};
use illia::prelude::*;
use illia::{Draws, History, RateSchedule, Trainer, checkpoint};
use scratch::Scratch;

const FLOATS: (Kind, Device) = (Kind::Float, Device::Cpu);

fn linear(p: nn::Path, inputs: i64, outputs: i64) -> Linear {
    let estimator = Estimator::Reparameterization;
    Linear::new(p, inputs, outputs, LinearConfig { estimator, ..Default::default() })
}

#[test]
fn given_draws_are_forwards_at_these_weights() {
    illia::manual_seed(1);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = linear(vs.root(), 3, 2);
    let (w, b) = (Tensor::randn([5, 2, 3], FLOATS), Tensor::randn([5, 2], FLOATS));
    let given =
        BTreeMap::from([("weight".to_owned(), w.shallow_clone()), ("bias".to_owned(), b.shallow_clone())]);
    let draws = Draws::new(&net, &given).unwrap();
    let x = Tensor::randn([4, 3], FLOATS);
    let expected = x.matmul(&w.transpose(1, 2)) + b.unsqueeze(1);
    let stacked = Predict::new().run_draws(&net, &draws, &x).unwrap();
    assert!(stacked.outputs().allclose(&expected, 1e-5, 1e-6, false));
    let by_one = Predict::new().run_draws_with(&net, &draws, &[x], |x| net.try_forward(&x[0])).unwrap();
    assert!(by_one.outputs().allclose(&expected, 1e-5, 1e-6, false));
    let wrong = BTreeMap::from([("wieght".to_owned(), w)]);
    assert!(Draws::new(&net, &wrong).unwrap_err().to_string().contains("wieght"));
}

#[test]
fn a_teacher_in_a_students_step_draws_for_itself() {
    illia::manual_seed(2);
    let (of_student, of_teacher) = (nn::VarStore::new(Device::Cpu), nn::VarStore::new(Device::Cpu));
    let (student, teacher) = (linear(of_student.root(), 3, 1), linear(of_teacher.root(), 3, 1));
    let x = Tensor::randn([8, 3], FLOATS);
    let before = teacher.weight.mu().copy();
    let mut trainer = Trainer::new(illia::Adam::default(), 8).unwrap();
    let nll = || {
        let (first, second) = (teacher.forward(&x), teacher.forward(&x));
        assert_ne!(first, second, "no pass knows it");
        assert_eq!(student.forward(&x), student.forward(&x), "the step's draw");
        Ok((student.forward(&x) - first.detach()).square().mean(Kind::Float))
    };
    trainer.step(&student, &of_student, 1.0, nll).unwrap();
    assert_eq!(&before, teacher.weight.mu());
}

#[bayesian]
#[derive(Debug)]
struct Two {
    left: Linear,
    right: Linear,
}

impl Two {
    fn try_forward(&self, inputs: &[Tensor]) -> illia::Result<Tensor> {
        Ok(self.left.try_forward(&inputs[0])? + self.right.try_forward(&inputs[1])?)
    }
}

#[test]
fn a_net_of_two_inputs_is_trained_and_asked_like_any_other() {
    illia::manual_seed(3);
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Two { left: linear(vs.root() / "left", 2, 1), right: linear(vs.root() / "right", 3, 1) };
    let inputs = vec![Tensor::randn([200, 2], FLOATS), Tensor::randn([200, 3], FLOATS)];
    let y = inputs[0].narrow(1, 0, 1) - inputs[1].narrow(1, 2, 1) * 2.0;
    let data = Tensors::new(inputs.iter().map(Tensor::shallow_clone).collect(), y.shallow_clone()).unwrap();
    let noise = Gaussian::fixed(0.1).unwrap();
    let fit = Fit::new(&noise).epochs(100).learning_rate(3e-2).progress(false);
    fit.run_with(&net, &vs, &data, |inputs, _| net.try_forward(inputs)).unwrap();
    let prediction = Predict::new().draws(20).run_with(&net, &inputs, |x| net.try_forward(x)).unwrap();
    assert!((prediction.mean() - &y).square().mean(Kind::Float).double_value(&[]) < 0.02);
    let elbo = Elbo::new(&noise, 200).unwrap();
    elbo.loss_with(&net, &inputs, &y, |x, _| net.try_forward(x)).unwrap().loss.backward();
    assert!(vs.trainable_variables().iter().all(|v| v.grad().defined()));
}

/// The same seed with and without: a batch in parts is the batch, and several draws are autograd's average.
#[test]
fn parts_of_a_batch_are_the_batch() {
    let trained = |micro: Option<usize>| {
        illia::manual_seed(4);
        let vs = nn::VarStore::new(Device::Cpu);
        let config = LinearConfig { posterior: Posterior::fan_in(), ..Default::default() };
        let net = Linear::new(vs.root(), 3, 1, config);
        let x = Tensor::arange(90, FLOATS).sin().reshape([30, 3]);
        let y = x.sum_dim_intlist(1i64, true, None);
        let fit = Fit::new(Gaussian::fixed(0.5).unwrap()).epochs(3).batch_size(10).draws(2).progress(false);
        let fit = match micro {
            Some(examples) => fit.micro_batch(examples),
            None => fit,
        };
        fit.run(&net, &vs, &x, &y).unwrap();
        net.weight.mu().copy()
    };
    assert!(trained(None).allclose(&trained(Some(4)), 1e-4, 1e-6, false));
}

#[test]
fn a_group_of_factor_0_holds_still() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Two { left: linear(vs.root() / "left", 2, 1), right: linear(vs.root() / "right", 2, 1) };
    let (held, moved) = (net.left.weight.mu().copy(), net.right.weight.mu().copy());
    let x = Tensor::ones([4, 2], FLOATS);
    let mut trainer = Trainer::new(illia::Adam::default(), 4).unwrap();
    trainer.group("left.", 0.0);
    let nll = || Ok(net.try_forward(&[x.shallow_clone(), x.shallow_clone()])?.square().mean(Kind::Float));
    trainer.step(&net, &vs, 1.0, nll).unwrap();
    assert_eq!(net.left.weight.mu(), &held);
    assert_ne!(net.right.weight.mu(), &moved);
}

bnn! {
    #[derive(Debug)]
    struct Old: [3] -> [2] {
        prior: (Prior::python());
        posterior: (Posterior::python());
        estimator: Reparameterization;

        one: Linear(4, prior: ScaleMixture(pi: 0.5, std1: 1.0, std2: 0.1)) -> tanh,
        two: Linear(3, prior: LearnedGaussian(std: 0.3), posterior: Dropout(p: 0.2)) -> relu,
        three: Linear(3, posterior: Point) -> relu,
        head: Linear(2),
    }
}

/// tests/files-0.1 was written by version 0.1; the numbers are what it printed.
#[test]
fn a_model_of_the_version_before_is_read() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Old::new(&vs.root());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files-0.1/model.safetensors");
    checkpoint::load(&mut net, &vs, file).unwrap();
    net.freeze_at_mean();
    let y = net.forward(&Tensor::arange(24, FLOATS).reshape([8, 3]).sin());
    let printed = [0.013969f32, -0.013433, 0.013983, -0.01341, 0.011689, -0.021771];
    let printed = Tensor::from_slice(&printed).reshape([3, 2]);
    assert!((y.narrow(0, 0, 3) - printed).abs().max().double_value(&[]) < 1e-6);
}

/// Copies the file of a run of 2 epochs into a folder of its own.
fn run_of_the_version_before() -> Scratch {
    let folder = Scratch::new();
    let step = "step-000000000004.safetensors";
    let kept = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files-0.1")).join(step);
    std::fs::copy(kept, folder.join(step)).unwrap();
    folder
}

fn resumed<M: BayesianModule + ModuleT>(net: &M, vs: &nn::VarStore, folder: &Path) -> illia::Result<History> {
    let x = Tensor::arange(24, FLOATS).reshape([8, 3]).sin();
    let y = Tensor::from_slice(&[0i64, 1, 0, 1, 1, 0, 1, 0]);
    Fit::new(Categorical)
        .epochs(4)
        .batch_size(4)
        .optimiser(illia::Adam { learning_rate: 1e-3, ..Default::default() })
        .learning_rate_schedule(RateSchedule::Constant)
        .validation(&x, &y)
        .checkpoints(Checkpoints::new(folder))
        .resume(true)
        .progress(false)
        .run(net, vs, &x, &y)
}

/// The numbers are those with which version 0.1 itself went on.
#[test]
fn a_run_of_the_version_before_goes_on_as_it_would_have() {
    let folder = run_of_the_version_before();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Old::new(&vs.root());
    let history = resumed(&net, &vs, &folder).unwrap();
    let last = history.epochs.last().unwrap();
    let given = [last.nll, last.kl, last.loss, last.validation_nll.unwrap()];
    let printed = [0.696307361125946, 684.6937863396328, 86.1817512979036, 0.6951866447925568];
    for (given, printed) in given.iter().zip(printed) {
        assert!((given / printed - 1.0).abs() < 1e-6, "{given} and {printed}");
    }
    assert_eq!(last.epoch, 4);
}

bnn! {
    #[derive(Debug)]
    struct OldWithNewPriors: [3] -> [2] {
        posterior: (Posterior::python());

        one: Linear(4) -> tanh,
        two: Linear(3, prior: LearnedGaussian(std: 0.3), posterior: Dropout(p: 0.2)) -> relu,
        three: Linear(3, posterior: Point) -> relu,
        head: Linear(2),
    }
}

#[test]
fn a_model_file_brings_its_priors_whatever_the_defaults_have_become() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = OldWithNewPriors::new(&vs.root());
    assert_ne!(net.head.weight.prior(), Prior::python());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/files-0.1/model.safetensors");
    checkpoint::load(&mut net, &vs, file).unwrap();
    assert_eq!(net.head.weight.prior(), Prior::python());
    assert_eq!(net.one.bias.as_ref().unwrap().prior(), Prior::ScaleMixture { pi: 0.5, std1: 1.0, std2: 0.1 });
}

#[test]
fn a_run_under_other_priors_is_refused() {
    let folder = run_of_the_version_before();
    let vs = nn::VarStore::new(Device::Cpu);
    let net = OldWithNewPriors::new(&vs.root());
    let sentence = resumed(&net, &vs, &folder).unwrap_err().to_string();
    assert!(sentence.contains("the prior of `") && sentence.contains("in the file"), "{sentence}");
}
