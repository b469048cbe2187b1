//! Gates, shuffles, norms with a posterior, elements one by one, states, blocks with names.

use illia::prelude::*;

const FLOAT: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    struct Gates<const H: i64>: [6, seq] -> [seq, 4] {
        conv: Conv1d(8, kernel: 1) -> glu(axis: 0) -> permute([1, 0]),
        up: Linear(H * 2) -> swiglu,
        down: Linear(8) -> geglu,
    }
}

bnn! {
    struct Upscale(factor: i64): [3, h, 4] -> [2, tall, 4 * factor] {
        conv: Conv2d(2 * factor * factor, kernel: 3, padding: 1) -> pixel_shuffle(factor),
    }
}

bnn! {
    struct Volume: [1, 4, 6, 8] -> [1, 4, 6, 8] {
        down: Conv3d(4, kernel: 3, padding: 1) -> max_pool((2, 2, 2)) -> avg_pool(1),
        up: ConvTranspose3d(1, kernel: 2, stride: 2),
    }
}

bnn! {
    struct Norms: [4, 8] -> [4, 8] {
        posterior: Plain;

        layer: LayerNorm(posterior: Gaussian(rho: -3.0), prior: Gaussian(mean: 1.0, std: 0.5)),
        batch: BatchNorm1d(4, posterior: Point),
        rms: RmsNorm(posterior: FanIn),
        plain: LayerNorm,
    }
}

bnn! {
    struct Frame<const F: i64>: [3, 8, 8] -> [F] {
        conv: Conv2d(4, kernel: 3, stride: 2) -> relu -> flatten,
        fc: Linear(F),
    }
}

bnn! {
    /// A net, and a layer, on each frame of a film.
    struct Film: [time, 3, 8, 8] -> [2] {
        each { pool: Conv2d(3, kernel: 3, padding: 1) -> relu, frame: Frame<6> },
        gru: Gru(5) -> last,
        head: Linear(2),
    }
}

bnn! {
    /// Sutskever et al. (2014), with both: the encoder's states are where the decoder starts, its outputs are attended to.
    struct Translate(hidden: i64): (source: [s, 4], target: [t, 3]) -> [t, 7] {
        let (read, h, c) = source -> encode: Lstm(hidden, layers: 2);
        target -> decode: Lstm(hidden, layers: 2, state: h, memory: c),
        residual { look: CrossAttention(heads: 1, memory: read) },
        head: Linear(7),
    }
}

bnn! {
    /// The last state of each direction.
    struct Ends: [seq, 4] -> [10] {
        let (states, h) = gru: Gru(5, bidirectional: true);
        let all = states -> mean;
        h -> flatten -> add(all),
    }
}

bnn! {
    struct Named: [4] -> [2] {
        trunk: residual { fc: Linear(4) -> relu },
        stem: { one: Linear(8), two: Linear(4) },
        tower: repeat 2 { fc2: Linear(4) -> tanh },
        sides: concat { { a: Linear(2) }, { b: Linear(2) } },
        head: Linear(2),
    }
}

#[test]
fn gates_halve_an_axis() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Gates::<5>::new(&vs.root());
    net.freeze();
    let x = Tensor::randn([2, 6, 9], FLOAT);
    let h = net.conv.forward(&x).glu(1).permute([0, 2, 1]);
    let [gate, value]: [Tensor; 2] = net.up.forward(&h).chunk(2, -1).try_into().expect("two");
    let h = net.down.forward(&(gate.silu() * value));
    let [gate, value]: [Tensor; 2] = h.chunk(2, -1).try_into().expect("two");
    assert!(net.forward(&x).allclose(&(gate.gelu("none") * value), 1e-5, 1e-6, false));
}

#[test]
fn images_grow_and_volumes_shrink_and_grow() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Upscale::new(&vs.root(), 3);
    net.freeze();
    let x = Tensor::randn([2, 3, 5, 4], FLOAT);
    assert_eq!(net.forward(&x), net.conv.forward(&x).pixel_shuffle(3));
    assert_eq!(net.forward(&x).size(), [2, 2, 15, 12]);
    let volume = Volume::new(&(vs.root() / "volume"));
    assert_eq!(volume.forward(&Tensor::randn([2, 1, 4, 6, 8], FLOAT)).size(), [2, 1, 4, 6, 8]);
    assert_eq!(volume.up.weight.mu().size(), [4, 1, 2, 2, 2]);
}

#[test]
fn norms_with_a_posterior_are_random() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Norms::new(&vs.root());
    assert_eq!(net.kl_cost().num_params, 2 * 8 + 2 * 4 + 8);
    assert_eq!(net.layer.weight().prior(), Prior::Gaussian { mean: 1.0, std: 0.5 });
    assert_eq!(net.rms.weight.as_ref().expect("a gain").mu().min().double_value(&[]), 1.0);
    let x = Tensor::randn([3, 4, 8], FLOAT);
    assert_ne!(net.forward(&x), net.forward(&x));
    let before = vs.variables()["batch.running_var"].copy();
    let _ = net.forward_t(&x, true);
    assert_ne!(vs.variables()["batch.running_var"], before);
    let twin = Norms::deterministic(&(vs.root() / "twin"));
    assert_eq!(twin.forward(&x), twin.forward(&x));
}

#[test]
fn each_element_goes_by_itself() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Film::new(&vs.root());
    assert!(vs.variables().contains_key("0.frame.conv.weight.mu"));
    net.freeze();
    let x = Tensor::randn([2, 5, 3, 8, 8], FLOAT);
    let frames: Vec<Tensor> =
        (0..5).map(|t| net.frame.forward(&net.pool.forward(&x.select(1, t)).relu())).collect();
    let want = net.head.forward(&net.gru.forward(&Tensor::stack(&frames, 1)).select(1, -1));
    assert!(net.forward(&x).allclose(&want, 1e-5, 1e-6, false));
    net.unfreeze();
    let prediction = Predict::new().draws(4).run(&net, &x).expect("a prediction");
    assert_eq!(prediction.outputs().size(), [4, 2, 2]);
}

#[test]
fn a_decoder_starts_from_the_encoders_states() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Translate::new(&vs.root(), 6);
    net.freeze();
    let (source, target) = (Tensor::randn([2, 5, 4], FLOAT), Tensor::randn([2, 3, 3], FLOAT));
    let read = net.encode.try_sequence(&source, None, false).expect("a sequence");
    let states = [read.h, read.c.expect("a memory")];
    let decoded = net.decode.try_sequence(&target, Some(&states), false).expect("a sequence").output;
    let looked = net.look.try_forward_t(&decoded, &read.output, None, false).expect("attention");
    let want = net.head.forward(&(looked + decoded));
    assert!(net.forward(&source, &target).allclose(&want, 1e-5, 1e-6, false));

    let mut ends = Ends::new(&(vs.root() / "ends"));
    ends.freeze();
    let out = ends.gru.try_sequence(&source, None, false).expect("a sequence");
    // The forward direction ends at the last place, the backward one at the first.
    let last = out.output.select(1, -1).narrow(-1, 0, 5);
    let first = out.output.select(1, 0).narrow(-1, 5, 5);
    let want = Tensor::cat(&[last, first], -1) + out.output.mean_dim(1i64, false, None::<Kind>);
    assert!(ends.forward(&source).allclose(&want, 1e-5, 1e-6, false));
}

mod my {
    use illia::prelude::*;

    #[bayesian]
    #[derive(Debug)]
    pub struct Scaled {
        pub inner: illia::nn::Linear,
        #[bayesian(skip)]
        by: f64,
    }

    impl Scaled {
        pub fn new(p: &nn::Path, size: i64, by: f64) -> Self {
            Scaled { inner: illia::nn::Linear::new(p / "inner", size, size, Default::default()), by }
        }
    }

    impl Module for Scaled {
        fn forward(&self, x: &Tensor) -> Tensor {
            self.inner.forward(x) * self.by
        }
    }
}

bnn! {
    struct Array(count: usize): [4] -> [2] {
        scaled: [my::Scaled(4, 0.5): [4] -> [4]; 3],
        more: [my::Scaled(4, 2.0): [4] -> [4]; count],
        head: Linear(2),
    }
}

#[test]
fn an_array_of_modules_written_by_hand() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Array::new(&vs.root(), 2);
    assert_eq!(net.kl_cost().num_params, 5 * (4 * 4 + 4) + 4 * 2 + 2);
    assert!(vs.variables().contains_key("scaled.2.inner.weight.mu") && !net.per_example());
    net.freeze();
    let x = Tensor::randn([3, 4], FLOAT);
    let want = net.scaled.iter().chain(&net.more).fold(x.shallow_clone(), |x, module| module.forward(&x));
    assert!(net.forward(&x).allclose(&net.head.forward(&want), 1e-5, 1e-6, false));
}

trait Sizes {
    const WIDTH: i64;
}

#[derive(Debug)]
struct Small;

impl Sizes for Small {
    const WIDTH: i64 = 8;
}

const WINDOW: (i64, usize) = (3, 5);

bnn! {
    /// Sizes from a trait's constants, and by the parts of a tuple.
    struct OfSizes<S: Sizes + std::fmt::Debug>: [1, 8, 8] -> [2] {
        conv: Conv2d(2, kernel: (WINDOW.0, WINDOW.1)) -> relu -> flatten,
        fc: Linear(S::WIDTH) -> relu,
        head: Linear(2),
    }
}

bnn! {
    /// Any net in a net.
    struct Of<N: illia::Net>: [4] -> [2] {
        inner: N,
        head: Linear(2),
    }
}

#[test]
fn sizes_of_a_type_and_nets_of_a_type() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = OfSizes::<Small>::new(&vs.root());
    assert_eq!(net.forward(&Tensor::randn([3, 1, 8, 8], FLOAT)).size(), [3, 2]);
    assert_eq!(net.fc.weight.mu().size(), [8, 2 * 6 * 4]);
    let net = Of::<Named>::new(&(vs.root() / "of"));
    assert_eq!(net.forward(&Tensor::randn([3, 4], FLOAT)).size(), [3, 2]);
}

#[test]
fn blocks_with_names() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Named::new(&vs.root());
    assert_eq!(net.forward(&Tensor::randn([3, 4], FLOAT)).size(), [3, 2]);
    let names = vs.variables();
    for name in ["trunk.fc.weight.mu", "stem.two.bias.rho", "tower.1.fc2.weight.mu", "sides.0.a.weight.mu"] {
        assert!(names.contains_key(name), "{name} in {:?}", names.keys());
    }
}
