//! What an export refuses, and TorchScript. That ONNX files give what the nets give is shown in `tests/exported`.

#[path = "../illia-core/src/files/scratch.rs"]
mod scratch;

use illia::export::{self, Export};
use illia::prelude::*;
use scratch::Scratch;
use tch::CModule;

/// The sentence of what can't be exported; no file is left behind.
fn sentence<M: export::Exported>(net: &M, export: &Export) -> String {
    let folder = Scratch::new();
    let path = folder.join("net.onnx");
    let error = export::onnx(net, export, &path).expect_err("it has no form").to_string();
    assert!(!path.exists(), "{error}");
    error
}

fn swish(x: &Tensor) -> Tensor {
    x * x.sigmoid()
}

/// A module that says nothing of graphs.
#[bayesian]
#[derive(Debug)]
struct Halves(illia::nn::Linear);

impl Halves {
    fn new(p: &nn::Path<'_>) -> Halves {
        Halves(illia::nn::Linear::new(p / "inner", 4, 4, Default::default()))
    }
}

impl ModuleT for Halves {
    fn forward_t(&self, x: &Tensor, _: bool) -> Tensor {
        self.0.forward(x) / 2.0
    }
}

bnn! {
    struct Swish: [4] -> [2] { inner: Inner, head: Linear(2) }
}

bnn! {
    struct Inner: [4] -> [4] { fc: Linear(4) -> self::swish }
}

bnn! {
    struct Written: [4] -> [2] { half: Halves: [4] -> [4], head: Linear(2) }
}

bnn! {
    struct Classes: [4] -> [2] { fc: Linear(8) -> tanh, head: Linear(2) -> softmax }
}

bnn! {
    struct Dropped: [4] -> [2] { posterior: Dropout(p: 0.1); fc: Linear(8) -> relu, head: Linear(2) }
}

bnn! {
    struct Named: (std: [4]) -> [2] { std -> fc: Linear(2) }
}

bnn! {
    struct Pooled: [1, n] -> [4] { conv: Conv1d(1, kernel: 3) -> adaptive_avg_pool(4) -> flatten }
}

#[test]
fn what_has_no_form_is_named() {
    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    let of_a_function = sentence(&Swish::new(&(&p / "swish")), &Export::mean());
    assert_eq!(of_a_function, "inner.fc: `self::swish` has no form in a graph");
    let of_a_module = sentence(&Written::new(&(&p / "written")), &Export::mean());
    assert!(of_a_module.starts_with("half: Halves has no form in a graph"), "{of_a_module}");
    let of_an_axis = sentence(&Pooled::new(&(&p / "pooled")), &Export::mean());
    assert!(of_an_axis.starts_with("conv: ") && of_an_axis.contains("lengths are known"), "{of_an_axis}");
    let of_a_name = sentence(&Named::new(&(&p / "named")), &Export::draws(2));
    assert!(of_a_name.starts_with("std: is the name of two"), "{of_a_name}");
}

#[test]
fn moments_have_fewer_forms_than_draws() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Classes::new(&(vs.root() / "classes"));
    let of_an_op = sentence(&net, &Export::moments());
    assert!(of_an_op.starts_with("fc: `tanh` of a random value"), "{of_an_op}");
    // Nothing is random in what is frozen.
    net.freeze();
    let folder = Scratch::new();
    export::onnx(&net, &Export::moments(), folder.join("net.onnx")).unwrap();
    let dropped = Dropped::new(&(vs.root() / "dropped"));
    let of_a_family = sentence(&dropped, &Export::moments());
    assert!(of_a_family.contains("fc.weight: a posterior of Dropout"), "{of_a_family}");
    assert!(sentence(&dropped, &Export::draws(0)).contains("draws = 0"));
}

#[test]
fn metadata_stand_under_keys_of_ones_own() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Classes::new(&vs.root());
    let of_ours = sentence(&net, &Export::mean().metadata("illia.draws", 3));
    assert!(of_ours.contains("`illia.draws`") && of_ours.contains("key of your own"), "{of_ours}");
    let twice = sentence(&net, &Export::mean().metadata("limit", 0.5).metadata("limit", 0.6));
    assert!(twice.contains("`limit`") && twice.contains("once"), "{twice}");
}

bnn! {
    struct Attends: [5, 8] -> [2] {
        posterior: FanIn;

        norm: LayerNorm,
        residual { attend: SelfAttention(heads: 2) },
        mean,
        head: Linear(2) -> self::swish,
    }
}

#[test]
fn torchscript_gives_the_mean_or_what_is_held() {
    illia::manual_seed(3);
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Attends::new(&vs.root());
    let inputs = [Tensor::randn([3, 5, 8], (Kind::Float, Device::Cpu))];
    let folder = Scratch::new();
    let path = folder.join("net.pt");
    let written = |net: &Attends| {
        export::torchscript(net, &vs, &inputs, |net, x| Ok(vec![net.try_forward(&x[0])?]), &path).unwrap();
        CModule::load(&path).unwrap().forward_ts(&inputs).unwrap()
    };
    let mean = written(&net);
    assert!(!net.is_frozen() && vs.trainable_variables().iter().all(Tensor::requires_grad));
    net.freeze();
    let drawn = written(&net);
    assert!(drawn.allclose(&net.forward(&inputs[0]), 1e-5, 1e-6, false));
    net.unfreeze();
    net.freeze_at_mean();
    assert!(mean.allclose(&net.forward(&inputs[0]), 1e-5, 1e-6, false));
    assert!(!mean.allclose(&drawn, 1e-4, 1e-5, false));
}

#[test]
fn a_mistake_in_a_traced_forward_is_an_error() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Attends::new(&vs.root());
    let wrong = [Tensor::randn([3, 5, 7], (Kind::Float, Device::Cpu))];
    let folder = Scratch::new();
    let path = folder.join("net.pt");
    let error = export::torchscript(&net, &vs, &wrong, |net, x| Ok(vec![net.try_forward(&x[0])?]), &path);
    assert!(matches!(error, Err(illia::Error::Shape { .. })) && !path.exists(), "{error:?}");
}
