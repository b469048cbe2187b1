//! Nets of today in small, each as its paper has it.

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

fn real(size: &[i64]) -> Tensor {
    Tensor::randn(size, CPU)
}

fn tokens(high: i64, size: &[i64]) -> Tensor {
    Tensor::randint(high, size, (Kind::Int64, Device::Cpu))
}

bnn! {
    /// Dosovitskiy et al. (2021), one block.
    struct VitBlock<const D: i64>(heads: i64, p: f64): [seq, D] -> [seq, D] {
        residual { norm1: LayerNorm, attend: SelfAttention(heads: heads, dropout: p) -> dropout(p) },
        residual { norm2: LayerNorm, up: Linear(4 * D) -> gelu, down: Linear(D) -> dropout(p) },
    }
}

bnn! {
    struct Vit(side: i64, patch: i64, layers: usize, classes: i64): [3, side, side] -> [classes] {
        posterior: FanIn;

        patches: Conv2d(24, kernel: patch, stride: patch) -> reshape([24, (side / patch) * (side / patch)]),
        permute([1, 0]),
        class: ClassToken,
        position: PositionEmbedding(max: (side / patch) * (side / patch) + 1),
        blocks: [VitBlock<24>(heads: 3, p: 0.1); layers],
        norm: RmsNorm -> first,
        head: Linear(classes),
    }
}

#[test]
fn a_vision_transformer() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Vit::new(&vs.root(), 12, 4, 2, 5);
    for train in [false, true] {
        assert_eq!(net.forward_t(&real(&[2, 3, 12, 12]), train).size(), [2, 5]);
    }
    let block = (3 * 24 * 24 + 3 * 24) + (24 * 24 + 24) + 2 * 4 * 24 * 24 + 4 * 24 + 24;
    let want = (24 * 3 * 16 + 24) + 24 + 10 * 24 + 2 * block + (24 * 5 + 5);
    assert_eq!(net.kl_cost().num_params, want);
    let error = Vit::try_new(&nn::VarStore::new(Device::Cpu).root(), 12, 5, 2, 5).expect("12 / 5 is 2");
    assert_eq!(error.forward(&real(&[1, 3, 12, 12])).size(), [1, 5]);
}

bnn! {
    /// Huang et al. (2017): each layer's output beside all before, by their names.
    struct Dense: [4, 8, 8] -> [16, 8, 8] {
        let x0 = stem: Conv2d(4, kernel: 3, padding: 1);
        let x1 = norm1: BatchNorm2d -> relu -> conv1: Conv2d(4, kernel: 3, padding: 1);
        let x2 = x1 -> concat(x0) -> norm2: BatchNorm2d -> relu -> conv2: Conv2d(4, kernel: 3, padding: 1);
        x2 -> concat(x1, x0) -> conv3: Conv2d(4, kernel: 1) -> concat(x2, x1, x0),
    }
}

bnn! {
    /// van den Oord et al. (2016): a gate, a skip.
    struct Wave<const C: i64>: [C, time] -> [C, time] {
        let x = norm: GroupNorm(groups: 1);
        let filter = dilated: Conv1d(C, kernel: 3, dilation: 2, padding: 2) -> tanh;
        let gate = x -> gated: Conv1d(C, kernel: 3, dilation: 2, padding: 2) -> sigmoid;
        filter -> multiply(gate) -> out: Conv1d(C, kernel: 1) -> add(x),
    }
}

bnn! {
    struct Waves(layers: usize): [1, time] -> [2, time] {
        lift: Conv1d(6, kernel: 1),
        #[deterministic]
        waves: [Wave<6>; layers],
        head: Conv1d(2, kernel: 1),
    }
}

#[test]
fn values_across_layers() {
    let vs = nn::VarStore::new(Device::Cpu);
    let p = vs.root();
    assert_eq!(Dense::new(&(&p / "dense")).forward(&real(&[2, 4, 8, 8])).size(), [2, 16, 8, 8]);
    let waves = Waves::new(&(&p / "waves"), 3);
    assert_eq!(waves.forward(&real(&[2, 1, 50])).size(), [2, 2, 50]);
    assert_eq!(waves.kl_cost().num_params, 12 + 14, "an array of plain nets");
    assert!(vs.variables().contains_key("waves.waves.2.gated.weight"));
}

bnn! {
    /// Zaheer et al. (2017): a sum over a set, whatever its order.
    struct DeepSets: (set: [n, 3], context: [2]) -> [1] {
        let all = set -> phi1: Linear(8) -> relu -> phi2: Linear(8) -> mean;
        all -> concat(context) -> rho: Linear(1),
    }
}

#[test]
fn a_set_has_no_order() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = DeepSets::new(&vs.root());
    net.freeze();
    let (set, context) = (real(&[2, 5, 3]), real(&[2, 2]));
    let turned = set.flip([1i64]);
    assert!(net.forward(&set, &context).allclose(&net.forward(&turned, &context), 1e-5, 1e-6, false));
}

bnn! {
    /// One layer of an encoder, one of a decoder (Vaswani et al. 2017).
    struct Reads<const D: i64>: (x: [s, D], keep: [s]) -> [s, D] {
        x -> residual { attend: SelfAttention(heads: 2, mask: keep) },
        residual { up: Linear(2 * D) -> relu, down: Linear(D) },
    }
}

bnn! {
    struct Writes<const D: i64>: (y: [t, D], memory: [s, D], keep: [s]) -> [t, D] {
        y -> residual { attend: SelfAttention(heads: 2, causal: true) },
        residual { look: CrossAttention(heads: 2, memory: memory, mask: keep) },
        norm: LayerNorm,
    }
}

bnn! {
    struct Seq2Seq(vocabulary: usize): (source: [s], keep: [s], target: [t]) -> (logits: [t, vocabulary], memory: [s, 16]) {
        posterior: FanIn;
        prior: Gaussian(std: 1.0);

        let encoded = source -> embed: Embedding(16, vocabulary: vocabulary);
        let memory = read: Reads<16>(x: encoded, keep: keep);
        let started = target -> shifted: Embedding(16, vocabulary: vocabulary);
        let written = write: Writes<16>(y: started, memory: memory, keep: keep);
        let logits = written -> head: Tied(embed);
    }
}

#[test]
fn an_encoder_and_a_decoder_of_several_nets() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Seq2Seq::new(&vs.root(), 20);
    let (source, target) = (tokens(20, &[3, 7]), tokens(20, &[3, 4]));
    let keep = Tensor::ones([3, 7], CPU);
    let (logits, memory) = net.forward(&source, &keep, &target);
    assert_eq!((logits.size(), memory.size()), (vec![3, 4, 20], vec![3, 7, 16]));
    assert!(format!("{:?}", net.read.up.weight.prior()).contains("std: 1"), "the outer prior");
    net.freeze();
    let early = target.narrow(1, 0, 2);
    let (half, _) = net.forward(&source, &keep, &early);
    assert!(
        logits.size()[1] == 4
            && half.allclose(&net.forward(&source, &keep, &target).0.narrow(1, 0, 2), 1e-4, 1e-5, false)
    );
    let error =
        net.try_forward(&source, &keep.narrow(1, 0, 5), &target).expect_err("a short mask").to_string();
    assert!(error.contains("keep"), "{error}");
}

bnn! {
    /// Sandler et al. (2018): an inverted residual, named; its ends brought together by a net.
    struct Inverted<const IN: i64, const OUT: i64>: [IN, 8, 8] -> [OUT, 8, 8] {
        body: residual(project: Beside<IN, OUT>) {
            expand: Conv2d(6 * IN, kernel: 1) -> relu,
            depth: Conv2d(6 * IN, kernel: 3, padding: 1, groups: 6 * IN) -> relu,
            narrow: Conv2d(OUT, kernel: 1),
        },
    }
}

bnn! {
    struct Beside<const IN: i64, const OUT: i64>: [IN, h, w] -> [OUT, h, w] {
        conv: Conv2d(OUT, kernel: 1, bias: false),
    }
}

bnn! {
    struct Segments: [1, 8, 8] -> [1, 16, 16] {
        body: Inverted<1, 2>,
        upsample(2),
        let big = join: Conv2d(1, kernel: 3, padding: 1);
        let small = big -> avg_pool(2) -> upsample((2, 2));
        big -> add(small),
    }
}

#[test]
fn named_blocks_and_upsampling() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Segments::new(&vs.root());
    assert_eq!(net.forward(&real(&[2, 1, 8, 8])).size(), [2, 1, 16, 16]);
    assert!(vs.variables().contains_key("body.body.expand.weight.mu"));
    assert!(vs.variables().contains_key("body.body.project.conv.weight.mu"));
}

bnn! {
    /// Weights shared between two inputs (Bromley et al. 1993), and a net used twice.
    struct Siamese: (left: [6], right: [6]) -> [1] {
        let a = left -> fc: Linear(8) -> tanh -> tower: Tower;
        let b = right -> fc -> tanh -> tower;
        a -> multiply(b) -> head: Linear(1),
    }
}

bnn! {
    struct Tower: [8] -> [4] { fc: Linear(4) }
}

#[test]
fn twins_share_their_weights() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Siamese::new(&vs.root());
    net.freeze();
    let (a, b) = (real(&[3, 6]), real(&[3, 6]));
    assert!(net.forward(&a, &b).allclose(&net.forward(&b, &a), 1e-6, 1e-7, false));
    assert_eq!(net.kl_cost().num_params, (6 * 8 + 8) + (8 * 4 + 4) + 5);
}

bnn! {
    /// A repeat whose body has values of its own and reads one from outside.
    struct Loops(times: u32): [5] -> [5] {
        let start = fc: Linear(5);
        repeat times {
            let before = hidden: Linear(5) -> relu;
            gate: Linear(5) -> sigmoid -> multiply(before) -> add(start),
        },
        repeat 2 { let w = wide: Linear(7); w -> concat(start) -> back: Linear(5) },
    }
}

#[test]
fn values_in_loops() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Loops::new(&vs.root(), 3);
    assert_eq!(net.forward(&real(&[2, 5])).size(), [2, 5]);
    assert_eq!(net.hidden.len(), 3);
    assert!(vs.variables().contains_key("1.2.gate.weight.mu"));
}

bnn! {
    /// Behind a net a repeat keeps its shape, whatever the net's signature says.
    struct Behind: (x: [8]) -> (y: [8]) {
        wide: Same,
        repeat 2 { fc: Linear(8) -> tanh },
        repeat 2 { same: Same },
        residual { a: Linear(8) -> b: Linear(8) },
        { c: Linear(4) -> relu, d: Linear(8) } -> tanh,
        let y = add(x);
    }
}

bnn! {
    struct Same: [8] -> [8] { fc: Linear(8) }
}

#[test]
fn one_input_and_one_output_may_have_names() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Behind::new(&vs.root());
    let x = real(&[2, 8]);
    let y = net.forward(&x);
    assert_eq!(y.size(), [2, 8]);
    assert!(net.forward_t(&x, true).size() == x.apply_t(&net, false).size());
    assert!(vs.variables().contains_key("3.a.weight.mu") && vs.variables().contains_key("4.c.weight.mu"));
    net.freeze();
    assert!(net.is_frozen() && net.per_example() && net.try_forward_module(&x, false).is_some());
    assert!(net.to_string().starts_with("Behind: (x: [8]) -> (y: [8])"));
}
