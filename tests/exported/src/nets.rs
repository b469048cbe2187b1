//! The nets: those of the example programs, and one for each layer and op besides.

use illia::infer::moments::Moments;
use illia::prelude::*;
use illia::{Result, export};

use super::Writer;

type Outputs = Result<Vec<Tensor>>;

/// A net of one input and one output.
macro_rules! one {
    ($writer:ident, $name:literal, $net:expr, $($x:expr),+) => {{
        let vs = nn::VarStore::new(Device::Cpu);
        let mut net = $net(&vs.root());
        let sets = [$(vec![$x]),+];
        $writer.net($name, &mut net, &sets, |net, x| -> Outputs { Ok(vec![net.try_forward(&x[0])?]) })?;
    }};
}

fn real(shape: &[i64]) -> Tensor {
    Tensor::randn(shape, (Kind::Float, Device::Cpu))
}

fn tokens(vocabulary: i64, shape: &[i64]) -> Tensor {
    Tensor::randint(vocabulary, shape, (Kind::Int64, Device::Cpu))
}

bnn! {
    struct Mlp: [8] -> [3] {
        fc1: Linear(16) -> relu,
        fc2: Linear(16 => 16, bias: false) -> gelu,
        head: Linear(3) -> log_softmax,
    }
}

bnn! {
    struct LeNet<const CLASSES: i64>: [1, 28, 28] -> [CLASSES] {
        prior: Gaussian(std: 0.1);
        estimator: LocalReparameterization;

        #[deterministic]
        conv1: Conv2d(6, kernel: 5, padding: 2) -> relu -> max_pool(2),
        conv2: Conv2d(16, kernel: 5) -> relu -> max_pool(2),
        flatten,
        fc1: Linear(400 => 120) -> relu -> dropout(0.25),
        fc2: Linear(84) -> relu,
        head: Linear(CLASSES, prior: ScaleMixture(pi: 0.5, std1: 1.0, std2: 0.0025), estimator: Flipout),
    }
}

bnn! {
    struct Block<const C: i64>: [C, 8, 8] -> [C, 8, 8] {
        residual {
            conv1: Conv2d(C, kernel: 3, padding: 1) -> relu,
            conv2: Conv2d(C, kernel: 3, padding: 1),
        } -> relu,
    }
}

bnn! {
    struct ResNet: [1, 8, 8] -> [10] {
        posterior: FanIn;

        stem: Conv2d(8, kernel: 3, padding: 1) -> relu,
        blocks: [Block<8>; 3],
        residual(project: Conv2d(16, kernel: 1)) {
            widen: Conv2d(16, kernel: 3, padding: 1) -> relu,
        },
        concat {
            { near: Conv2d(4, kernel: 1) },
            { far: Conv2d(4, kernel: 5, padding: 2) -> relu },
        },
        global_avg_pool,
        repeat 2 { hidden: Linear(8) -> tanh },
        head: Linear(10),
    }
}

bnn! {
    struct Double<const OUT: i64, const IN: i64>: [IN, h, w] -> [OUT, h, w] {
        posterior: FanIn;

        conv1: Conv2d(OUT, kernel: 3, padding: 1) -> relu,
        conv2: Conv2d(OUT, kernel: 3, padding: 1) -> relu,
    }
}

bnn! {
    struct UNet: [1, 16, 16] -> [2, 16, 16] {
        posterior: FanIn;

        let near = down1: Double<8, 1>;
        max_pool(2),
        let far = down2: Double<16, 8>;
        max_pool(2),
        bottom: Double<32, 16>,
        up2: ConvTranspose2d(16, kernel: 2, stride: 2) -> concat(far),
        join2: Double<16, 32>,
        up1: ConvTranspose2d(8, kernel: 3, stride: 2, padding: 1, output_padding: 1) -> concat(near),
        join1: Double<8, 16>,
        head: Conv2d(2, kernel: 1),
    }
}

bnn! {
    struct Excite<const C: i64>: [C, 8, 8] -> [C, 8, 8] {
        let x = conv: Conv2d(C, kernel: 3, padding: 1) -> relu;
        let weights = {
            global_avg_pool,
            squeeze: Linear(C / 2) -> silu,
            excite: Linear(C) -> sigmoid -> reshape([C, 1, 1]),
        };
        x -> multiply(weights),
    }
}

bnn! {
    struct Decoder<const D: i64, const HEADS: i64>: [seq, D] -> [seq, D] {
        residual { norm1: LayerNorm, attend: SelfAttention(heads: HEADS, causal: true) },
        residual { norm2: LayerNorm, up: Linear(D * 4) -> gelu, down: Linear(D) },
    }
}

bnn! {
    struct Gpt(vocabulary: i64, context: i64, layers: usize): [seq] -> [seq, vocabulary] {
        posterior: FanIn;

        embed: Embedding(32, vocabulary: vocabulary),
        position: PositionEmbedding(max: context),
        blocks: [Decoder<32, 4>; layers],
        norm: LayerNorm,
        head: Tied(embed),
    }
}

bnn! {
    struct Heads: [8] -> (class: [5], value: [1]) {
        let h = trunk: Linear(16) -> relu;
        let class = classify: Linear(5) -> softmax;
        let value = h -> regress: Linear(1);
    }
}

bnn! {
    struct Translate<const V: i64>: (source: [s], keep: [s], target: [t]) -> [t, V] {
        posterior: FanIn;

        let memory = source -> {
            embed_source: Embedding(16, vocabulary: V),
            residual { read: SelfAttention(heads: 2, mask: keep) },
            norm: LayerNorm,
        };
        target -> embed_target: Embedding(16, vocabulary: V),
        residual { write: SelfAttention(heads: 2, causal: true) },
        residual { look: CrossAttention(heads: 2, memory: memory, mask: keep) },
        head: Linear(V),
    }
}

bnn! {
    struct Towers: (user: [6], item: [4]) -> [1] {
        let u = user -> left: Linear(16) -> relu;
        let v = item -> right: Linear(16) -> relu;
        u -> concat(v),
        head: Linear(1),
    }
}

bnn! {
    struct Pairs: (a: [6], b: [4]) -> [2] {
        let s = score: Towers(user: a, item: b);
        a -> fc: Linear(1) -> add(s),
        fc2: Linear(2),
    }
}

bnn! {
    struct Regressor(features: i64, hidden: usize, p: f64, scale: f64): [features] -> [1] {
        prior: Gaussian(std: scale);
        posterior: FanIn;

        fc: Linear(hidden) -> relu -> dropout(p),
        head: Linear(1),
    }
}

bnn! {
    struct Deep(features: i64, layers: usize): [features] -> [1] {
        inner: Regressor(features: features, hidden: 8, p: 0.0, scale: 1.0),
        widen: Linear(16) -> tanh,
        repeat layers { fc: Linear(16) -> tanh },
        head: Linear(16 => 1),
    }
}

bnn! {
    struct Names: [seq] -> [18] {
        posterior: FanIn;

        embed: Embedding(32, vocabulary: 58, padding_idx: 3),
        lstm: Lstm(24, layers: 2, bidirectional: true) -> last,
        head: Linear(18) -> log_softmax,
    }
}

bnn! {
    struct Tagger: [seq, 16] -> [seq, 5] {
        posterior: FanIn;

        gru: Gru(12, layers: 2),
        rnn: Rnn(9, bidirectional: true, bias: false),
        head: Linear(5),
    }
}

bnn! {
    struct Vit: [3, 8, 8] -> [4] {
        posterior: FanIn;

        patches: Conv2d(12, kernel: 4, stride: 4) -> reshape([12, 4]) -> permute([1, 0]),
        class: ClassToken,
        position: PositionEmbedding(max: 5),
        residual { norm: RmsNorm, attend: SelfAttention(heads: 3) },
        first,
        head: Linear(4),
    }
}

bnn! {
    struct Waves: [2, 24] -> [6] {
        posterior: FanIn;

        conv1: Conv1d(8, kernel: 3, stride: 2, dilation: 2, padding: 1, groups: 2) -> leaky_relu(0.1),
        group: GroupNorm(groups: 4),
        avg_pool(3, stride: 2, padding: 1) -> elu(0.7),
        up: ConvTranspose1d(4, kernel: 3, stride: 2) -> softplus,
        adaptive_avg_pool(3),
        upsample(2),
        max_pool(2, stride: 1, padding: 1),
        flatten,
        head: Linear(6),
    }
}

bnn! {
    struct Volume: [1, 6, 6, 6] -> [3] {
        posterior: FanIn;

        conv: Conv3d(4, kernel: 3, padding: 1),
        batch: BatchNorm3d -> relu -> max_pool(2) -> avg_pool(3),
        global_avg_pool,
        head: Linear(3),
    }
}

bnn! {
    struct Normal: [3, 8, 8] -> [3] {
        posterior: FanIn;

        batch: BatchNorm2d,
        conv: Conv2d(6, kernel: 3),
        norm: LayerNorm,
        group: GroupNorm(groups: 3) -> adaptive_avg_pool((2, 4)) -> upsample((1, 2)),
        flatten,
        head: Linear(3),
    }
}

bnn! {
    struct Average: [seq, 4] -> [2] {
        fc: Linear(6) -> softmax,
        mean,
        head: Linear(2),
    }
}

bnn! {
    struct Folded: [rows, cols, 4] -> [cols, rows, 4] {
        fc: Linear(4),
        reshape([cols, rows, 4]),
        again: Linear(4),
    }
}

bnn! {
    /// The weights of each output covary.
    #[derive(Debug)]
    struct Covarying: [8] -> [2] { fc1: Linear(16) -> relu, head: Linear(2) }
}

bnn! {
    struct Moving: [8] -> [2] {
        posterior: FanIn;

        fc1: Linear(16) -> relu,
        residual { fc2: Linear(16) -> leaky_relu(0.2) },
        head: Linear(2),
    }
}

bnn! {
    struct MovingImage: [1, 8, 8] -> [2] {
        posterior: FanIn;

        conv: Conv2d(4, kernel: 3) -> relu -> max_pool(2) -> avg_pool(3),
        flatten,
        head: Linear(2),
    }
}

/// A struct of one's own: two nets that are added.
#[bayesian(export)]
struct Sum {
    left: Mlp,
    right: illia::nn::Linear,
}

impl export::Exported for Sum {
    fn ports(&self) -> export::Ports {
        let port = |name: &str, n| vec![(name.to_owned(), illia::Shape::new(&[illia::Axis::Fixed(n)]))];
        export::Ports { inputs: port("x", 8), outputs: port("y", 3) }
    }

    fn write(&self, inputs: &[&export::Value]) -> Result<Vec<export::Value>> {
        let (left, right) =
            (illia::export::one(&self.left, inputs)?, illia::export::one(&self.right, inputs)?);
        Ok(vec![illia::graph::ops::add(&left, &right)?])
    }
}

pub(crate) fn all(writer: &mut Writer) -> Result<()> {
    illia::manual_seed(1);
    tch::manual_seed(1);
    chains(writer)?;
    sequences(writer)?;
    ports(writer)?;
    moments(writer)
}

fn chains(writer: &mut Writer) -> Result<()> {
    one!(writer, "mlp", Mlp::new, real(&[5, 8]), real(&[1, 8]));
    frozen(writer)?;
    one!(writer, "lenet", LeNet::<10>::new, real(&[3, 1, 28, 28]));
    one!(writer, "resnet", ResNet::new, real(&[2, 1, 8, 8]));
    one!(writer, "unet", UNet::new, real(&[2, 1, 16, 16]));
    one!(writer, "double", Double::<4, 2>::new, real(&[2, 2, 9, 12]), real(&[1, 2, 5, 7]));
    one!(writer, "excite", Excite::<4>::new, real(&[2, 4, 8, 8]));
    one!(writer, "waves", Waves::new, real(&[3, 2, 24]));
    one!(writer, "vit", Vit::new, real(&[2, 3, 8, 8]), real(&[1, 3, 8, 8]));
    one!(writer, "deep", |p: &nn::Path<'_>| Deep::new(p, 5, 3), real(&[4, 5]));
    one!(writer, "average", Average::new, real(&[2, 5, 4]), real(&[3, 2, 4]));
    one!(writer, "folded", Folded::new, real(&[2, 3, 5, 4]), real(&[1, 2, 2, 4]));
    // Batch norms with statistics and a scale of their own.
    for (name, size) in [("volume", vec![2, 1, 6, 6, 6]), ("normal", vec![2, 3, 8, 8])] {
        let vs = nn::VarStore::new(Device::Cpu);
        let filled = |vs: &nn::VarStore| {
            for (name, mut tensor) in vs.variables() {
                if name.starts_with("batch") || name.starts_with("group") || name.starts_with("norm") {
                    let values = tensor.rand_like() + 0.5;
                    tch::no_grad(|| tensor.copy_(&values));
                }
            }
        };
        if name == "volume" {
            let mut net = Volume::new(&vs.root());
            filled(&vs);
            writer.net(name, &mut net, &[vec![real(&size)]], |net, x| Ok(vec![net.try_forward(&x[0])?]))?;
        } else {
            let mut net = Normal::new(&vs.root());
            filled(&vs);
            writer.net(name, &mut net, &[vec![real(&size)]], |net, x| Ok(vec![net.try_forward(&x[0])?]))?;
        }
    }
    Ok(())
}

/// Of a frozen net every draw is the one that it holds.
fn frozen(writer: &mut Writer) -> Result<()> {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Deep::new(&vs.root(), 5, 1);
    net.freeze();
    let x = real(&[4, 5]);
    let held = tch::no_grad(|| net.try_forward(&x))?;
    let nothing = held.zeros_like();
    for (name, export, outputs) in [
        ("frozen-mean", export::Export::mean(), vec![held.copy()]),
        ("frozen-draws", export::Export::draws(2), vec![Tensor::stack(&[&held, &held], 0), held, nothing]),
    ] {
        let file = writer.file(name);
        export::onnx(&net, &export, &file)?;
        writer.add(name, &file, &[x.shallow_clone()], outputs)?;
    }
    Ok(())
}

fn sequences(writer: &mut Writer) -> Result<()> {
    one!(writer, "gpt", |p: &nn::Path<'_>| Gpt::new(p, 50, 16, 2), tokens(50, &[3, 12]), tokens(50, &[1, 4]));
    one!(writer, "names", Names::new, tokens(58, &[3, 7]), tokens(58, &[2, 1]));
    one!(writer, "tagger", Tagger::new, real(&[3, 7, 16]), real(&[1, 2, 16]));
    Ok(())
}

fn ports(writer: &mut Writer) -> Result<()> {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Heads::new(&vs.root());
    writer.net("heads", &mut net, &[vec![real(&[4, 8])]], |net, x| {
        let (class, value) = net.try_forward(&x[0])?;
        Ok(vec![class, value])
    })?;

    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Translate::<30>::new(&vs.root());
    let keep = |batch: i64, s: i64, hidden: i64| {
        let keep = Tensor::ones([batch, s], (Kind::Float, Device::Cpu));
        let _ = keep.narrow(1, s - hidden, hidden).fill_(0.0);
        keep
    };
    let sets = [
        vec![tokens(30, &[4, 9]), keep(4, 9, 3), tokens(30, &[4, 6])],
        // Nothing at all is attended to.
        vec![tokens(30, &[1, 2]), keep(1, 2, 2), tokens(30, &[1, 3])],
    ];
    writer.net("translate", &mut net, &sets, |net, x| Ok(vec![net.try_forward(&x[0], &x[1], &x[2])?]))?;

    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Towers::new(&vs.root());
    let pair = || vec![real(&[3, 6]), real(&[3, 4])];
    writer.net("towers", &mut net, &[pair()], |net, x| Ok(vec![net.try_forward(&x[0], &x[1])?]))?;

    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Pairs::new(&vs.root());
    writer.net("pairs", &mut net, &[pair()], |net, x| Ok(vec![net.try_forward(&x[0], &x[1])?]))?;

    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    let right = illia::nn::Linear::new(&p / "right", 8, 3, Default::default());
    let mut net = Sum { left: Mlp::new(&(&p / "left")), right };
    writer.net("sum", &mut net, &[vec![real(&[2, 8])]], |net, x| {
        Ok(vec![net.left.try_forward(&x[0])? + net.right.try_forward(&x[0])?])
    })
}

/// The moments of a layer's weights, as its family has them.
fn of(layer: &illia::RandomParameter) -> Result<Moments> {
    let sigma = layer.sigma().map_or_else(|| layer.mu().zeros_like(), |sigma| sigma.detach());
    Moments::new(layer.mu().detach(), sigma.square())
}

fn linear(x: &Moments, layer: &illia::nn::Linear) -> Result<Moments> {
    let bias = layer.bias.as_ref().map(of).transpose()?;
    x.linear(&of(&layer.weight)?, bias.as_ref())
}

fn moments(writer: &mut Writer) -> Result<()> {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Moving::new(&vs.root());
    let file = writer.file("moving-moments");
    export::onnx(&net, &export::Export::moments(), &file)?;
    for rows in [1, 6] {
        let x = real(&[rows, 8]);
        let y = linear(&Moments::certain(&x)?, &net.fc1)?.relu();
        let y = linear(&y, &net.fc2)?.leaky_relu(0.2).plus(&y)?;
        let y = linear(&y, &net.head)?;
        writer.add(&format!("moving-moments-{rows}"), &file, &[x], vec![y.mean().copy(), y.std()])?;
    }

    let vs = nn::VarStore::new(Device::Cpu);
    let net = Covarying::new(&vs.root());
    let (axes, _) = Tensor::f_linalg_qr(&real(&[16, 16]), "reduced")?;
    let sigma = (real(&[2, 16]) * 0.5).exp() * 0.1;
    let weight = &net.head.weight;
    tch::no_grad(|| {
        let rho = sigma.expm1().log();
        for (name, value) in [("head.weight.axes", &axes), ("head.weight.rho", &rho)] {
            if let Some(variable) = vs.variables().get(name) {
                variable.shallow_clone().copy_(value);
            }
        }
    });
    let file = writer.file("covarying-moments");
    export::onnx(&net, &export::Export::moments(), &file)?;
    let x = real(&[4, 8]);
    let hidden = linear(&Moments::certain(&x)?, &net.fc1)?.relu();
    // m S m + v (w² + diag S) of each output's covariance S, beside the bias.
    let independent = linear(&hidden, &net.head)?;
    let covariance = axes.unsqueeze(0).matmul(&sigma.square().diag_embed(0, -2, -1)).matmul(&axes.tr());
    let m = hidden.mean();
    let along = (m.matmul(&covariance) * m).sum_dim_intlist(-1i64, false, Kind::Float).tr();
    let sigma = weight.sigma().map_or_else(|| weight.mu().zeros_like(), |sigma| sigma.detach());
    let variance = independent.variance() - m.square().matmul(&sigma.square().tr()) + along;
    writer.add("covarying-moments", &file, &[x], vec![independent.mean().copy(), variance.sqrt()])?;

    let vs = nn::VarStore::new(Device::Cpu);
    let net = MovingImage::new(&vs.root());
    let file = writer.file("image-moments");
    export::onnx(&net, &export::Export::moments(), &file)?;
    let x = real(&[3, 1, 8, 8]);
    let one: &[i64] = &[1, 1];
    let zero: &[i64] = &[0, 0];
    let (weight, bias) = (of(&net.conv.weight)?, net.conv.bias.as_ref().map(of).transpose()?);
    let y = Moments::certain(&x)?.conv(&weight, bias.as_ref(), [one, zero, one], 1)?.relu();
    let pool =
        |kernel: &'static [i64]| illia::infer::moments::Pool { kernel, stride: kernel, padding: &[0, 0] };
    let y = y.max_pool(pool(&[2, 2]))?.avg_pool(pool(&[3, 3]))?;
    let y = linear(&y.rearranged(|x| Ok(x.flatten(1, -1)))?, &net.head)?;
    writer.add("image-moments", &file, &[x], vec![y.mean().copy(), y.std()])
}
