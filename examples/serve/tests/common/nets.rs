//! Nets to serve, and what they say themselves.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock};

use illia::export::{Export, onnx};
use illia::prelude::*;
use illia::{Prediction, RandomParameter};

bnn! {
    /// Three classes.
    pub struct Classes: [2] -> [3] {
        posterior: FanIn;

        fc: Linear(16) -> relu,
        head: Linear(3),
    }
}

bnn! {
    /// Two numbers.
    pub struct Numbers: [3] -> [2] {
        posterior: FanIn;

        head: Linear(2),
    }
}

bnn! {
    /// Classes of texts.
    pub struct Texts: [seq] -> [2] {
        posterior: FanIn;

        embed: Embedding(4, vocabulary: 20),
        position: PositionEmbedding(max: 8),
        mean,
        head: Linear(2) -> softmax,
    }
}

bnn! {
    /// Takes its time for many rows.
    pub struct Slow: [64] -> [2] {
        posterior: FanIn;

        fc1: Linear(512) -> relu,
        fc2: Linear(512) -> relu,
        head: Linear(2),
    }
}

bnn! {
    /// A vector for each place, which is not served.
    pub struct Places: [seq, 4] -> [seq, 2] {
        fc: Linear(2),
    }
}

pub const DRAWS: usize = 8;

/// What the nets say themselves.
pub struct Wanted {
    pub points: Tensor,
    pub classes: Prediction,
    pub triples: Tensor,
    pub numbers: (Tensor, Tensor),
}

/// The nets' files, written once, and what they must give.
fn nets() -> &'static (PathBuf, Mutex<Wanted>) {
    static NETS: OnceLock<(PathBuf, Mutex<Wanted>)> = OnceLock::new();
    NETS.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
        std::fs::create_dir_all(&folder).unwrap();
        let write = |name: &str| folder.join(format!("{name}.onnx"));
        tch::manual_seed(1);
        illia::manual_seed(1);
        let vs = nn::VarStore::new(Device::Cpu);
        let p = vs.root();
        let real = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));

        let net = Classes::new(&(&p / "classes"));
        let points = real(&[5, 2]) * 2.0;
        illia::manual_seed(7);
        let classes = Predict::new().draws(DRAWS).run(&net, &points).unwrap();
        illia::manual_seed(7);
        let export = Export::draws(DRAWS).classes().metadata("serve.refuse_above", 0.9);
        onnx(&net, &export, write("classes")).unwrap();
        onnx(&net, &Export::mean(), write("mean")).unwrap();
        onnx(&net, &Export::moments().classes(), write("moments-of-classes")).unwrap();
        let export = Export::draws(DRAWS).classes().metadata("serve.refuse_above", "much");
        onnx(&net, &export, write("unclear")).unwrap();

        let net = Numbers::new(&(&p / "numbers"));
        let triples = real(&[4, 3]);
        onnx(&net, &Export::moments().metadata("serve.noise", 0.5), write("numbers")).unwrap();
        let numbers = exact(&net, &triples);

        onnx(&Texts::new(&(&p / "texts")), &Export::draws(2), write("texts")).unwrap();
        onnx(&Slow::new(&(&p / "slow")), &Export::draws(DRAWS), write("slow")).unwrap();
        onnx(&Places::new(&(&p / "places")), &Export::draws(2), write("places")).unwrap();
        (folder, Mutex::new(Wanted { points, classes, triples, numbers }))
    })
}

pub fn file(net: &str) -> PathBuf {
    nets().0.join(format!("{net}.onnx"))
}

pub fn wanted() -> MutexGuard<'static, Wanted> {
    nets().1.lock().unwrap()
}

/// Mean and standard deviation over the weights: of one layer in closed form.
fn exact(net: &Numbers, x: &Tensor) -> (Tensor, Tensor) {
    let of =
        |parameter: &RandomParameter| (parameter.mu().detach(), parameter.sigma().unwrap().detach().square());
    let (weight, weight_variance) = of(&net.head.weight);
    let (bias, bias_variance) = of(net.head.bias.as_ref().unwrap());
    let mean = x.matmul(&weight.tr()) + bias;
    (mean, (x.square().matmul(&weight_variance.tr()) + bias_variance).sqrt())
}

/// Rows of a tensor as JSON.
pub fn rows(x: &Tensor) -> String {
    let row = |i: i64| format!("{:?}", Vec::<f32>::try_from(x.get(i)).unwrap());
    format!("[{}]", (0..x.size()[0]).map(row).collect::<Vec<_>>().join(","))
}

/// As many rows as keep [`Slow`] busy for a while.
pub fn many() -> String {
    rows(&Tensor::ones([MANY as i64, 64], (Kind::Float, Device::Cpu)))
}

pub const MANY: usize = 2048;
