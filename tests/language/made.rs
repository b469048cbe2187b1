//! Sizes and settings known when the net is made.

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    pub struct Encoder<const OUT: i64>(features: i64, p: f64): [features] -> [OUT] {
        fc: Linear(2 * OUT) -> relu -> dropout(p),
        out: Linear(OUT),
    }
}

bnn! {
    #[derive(Debug)]
    pub struct Whole(columns: usize, layers: u8, std: f64, prior_of_head: Prior): [columns] -> [3] {
        prior: Gaussian(std: std);

        encoder: Encoder<24>(features: columns as i64, p: 0.1),
        repeat layers { hidden: Linear(24) -> tanh },
        blocks: [Encoder<24>(features: 24, p: std); layers],
        residual { wide: Linear(24 * layers) -> relu, narrow: Linear(24) },
        head: Linear(3, prior: (prior_of_head)),
    }
}

bnn! {
    /// Channels, windows and a shape that are arguments: what the forward needs of them is kept.
    #[derive(Debug)]
    struct Conv(channels: i64, kernel: i64, side: i64): [1, side, side] -> [channels] {
        conv: Conv2d(channels, kernel: kernel, padding: kernel / 2) -> relu,
        pool: Conv2d(channels => channels, kernel: 1) -> max_pool(2),
        reshape([channels, (side / 2) * (side / 2)]),
        permute([1, 0]),
        gru: Gru(channels),
        last,
    }
}

fn refused<N: std::fmt::Debug>(made: illia::Result<N>, vs: &nn::VarStore, words: &[&str]) {
    let error = made.expect_err("it does not fit").to_string();
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
    assert!(vs.is_empty(), "nothing half made: {error}");
}

#[test]
fn arguments_stand_wherever_an_expression_may() {
    let vs = nn::VarStore::new(Device::Cpu);
    let head = Prior::Laplace { scale: 0.5 };
    let mut net = Whole::new(&vs.root(), 7, 3, 0.25, head);
    assert_eq!(net.forward(&Tensor::randn([5, 7], CPU)).size(), [5, 3]);
    assert_eq!((net.hidden.len(), net.blocks.len()), (3, 3));
    let linear = |i: usize, o: usize| i * o + o;
    let encoder = |inputs: usize| linear(inputs, 48) + linear(48, 24);
    let want =
        encoder(7) + 3 * linear(24, 24) + 3 * encoder(24) + linear(24, 72) + linear(72, 24) + linear(24, 3);
    assert_eq!(net.kl_cost().num_params, want);
    assert!(
        vs.variables().contains_key("encoder.fc.weight.mu")
            && vs.variables().contains_key("blocks.2.out.bias.rho")
    );
    let prior = |layer: &illia::nn::Linear| format!("{:?}", layer.weight.prior());
    assert_eq!(prior(&net.encoder.fc), prior(&net.hidden[0]), "an outer default reaches in");
    assert!(prior(&net.encoder.fc).contains("0.25") && prior(&net.head).contains("Laplace"));
    net.freeze();
    assert!(net.is_frozen());
    let table = net.to_string();
    assert!(table.starts_with("Whole: [7] -> [3]") && table.contains("Gaussian(0, 0.25)"), "{table}");
    assert!(table.contains("3 × Linear") && table.contains("3 × Encoder<24>"), "{table}");
}

#[test]
fn the_twin_is_made_with_the_same_arguments() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Conv::deterministic(&vs.root(), 4, 3, 8);
    let x = Tensor::randn([2, 1, 8, 8], CPU);
    assert_eq!(net.kl_cost().num_params, 0);
    assert_eq!(net.forward(&x).size(), [2, 4]);
    let error = net.try_forward(&Tensor::randn([2, 1, 9, 8], CPU)).expect_err("another side").to_string();
    assert!(error.contains("[batch, 1, 8, 8]"), "{error}");
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_made() {
    let vs = nn::VarStore::new(Device::Cpu);
    let prior = Prior::default();
    let p = vs.root();
    refused(Whole::try_new(&p, 0, 3, 0.25, prior), &vs, &["an axis of the input must be at least 1, got 0"]);
    refused(
        Whole::try_new(&p, 7, 0, 0.25, prior),
        &vs,
        &["the number of a `repeat` must be at least 1, got 0"],
    );
    refused(
        Whole::try_new(&p, 7, 3, -0.5, prior),
        &vs,
        &["`std` of `Gaussian` must be a number above 0, got -0.5"],
    );
    // 1.5 is a spread, but no probability: the inner net's rule, by its step.
    refused(Whole::try_new(&p, 7, 3, 1.5, prior), &vs, &["blocks.fc: ", "`p` of `dropout`", "1.5"]);
    refused(Conv::try_new(&p, 4, 0, 8), &vs, &["conv: `kernel` of `Conv2d` must be at least 1, got 0"]);
    refused(Conv::try_new(&p, 4, 3, 1), &vs, &["window", "larger than its padded input"]);
}

bnn! {
    #[derive(Debug)]
    struct Words(vocabulary: usize, padding: i64, places: i64, rows: i64, prior_of_net: Prior): [12] -> [rows, 72 / rows] {
        prior: (prior_of_net);

        embed: Embedding(6, vocabulary: vocabulary, padding_idx: padding),
        place: PositionEmbedding(max: places),
        reshape([rows, -1]),
    }
}

bnn! {
    #[derive(Debug)]
    struct Larger(stride: i64, added: i64): [2, 8] -> [2, 8 * stride + added] {
        fc: Linear(8),
        up: ConvTranspose1d(2, kernel: stride, stride: stride, output_padding: added),
    }
}

bnn! {
    /// A number that is an argument is of any type.
    struct Numbers(p: f32, std: u8, eps: f64): [4] -> [2] {
        prior: Gaussian(std: std);

        fc: Linear(4) -> dropout(p),
        norm: LayerNorm(eps: eps) -> leaky_relu(p),
        head: Linear(2, posterior: Dropout(p: p)),
    }
}

#[test]
fn numbers_of_any_type() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Numbers::new(&vs.root(), 0.5, 2, 1e-5);
    assert_eq!(net.forward_t(&Tensor::randn([3, 4], CPU), true).size(), [3, 2]);
    assert_eq!(net.head.weight.prior(), Prior::Gaussian { mean: 0.0, std: 2.0 });
    let error = Numbers::try_new(&vs.root(), 1.5, 2, 1e-5).map(drop).expect_err("no probability");
    assert_eq!(error.to_string(), "fc: `p` of `dropout` must be at least 0 and below 1, got 1.5");
}

#[test]
fn settings_are_looked_at_before_the_layers_before_them_are_made() {
    let vs = nn::VarStore::new(Device::Cpu);
    let (p, prior) = (vs.root(), Prior::Laplace { scale: 1.0 });
    let wrong = Prior::Laplace { scale: -1.0 };
    refused(Words::try_new(&p, 9, 9, 12, 8, prior), &vs, &["embed: `padding_idx`", "vocabulary of 9, got 9"]);
    refused(Words::try_new(&p, 9, 0, 11, 8, prior), &vs, &["`max` of `place`", "longest sequence, 11"]);
    refused(Words::try_new(&p, 9, 0, 12, 5, prior), &vs, &["5 does not divide the 72 of `place`"]);
    refused(Words::try_new(&p, 9, 0, 12, 8, wrong), &vs, &["Words: scale = -1"]);
    let below = "`output_padding` of `up` is below its stride, 2, or its dilation, 1: got 2";
    refused(Larger::try_new(&p, 2, 2), &vs, &[below]);
    assert_eq!(Words::new(&p, 9, 0, 12, 8, prior).embed.weight.prior(), prior);
}

/// A net whose arguments are of any type, some of them the caller's own.
#[derive(Debug, Clone)]
pub struct Plan {
    pub widths: Vec<i64>,
    pub start: Posterior,
}

bnn! {
    #[derive(Debug)]
    struct Planned<T>(plan: Plan, note: T): [4] -> [2]
    where
        T: std::fmt::Debug + Clone + Send,
    {
        posterior: (plan.start);

        fc1: Linear(plan.widths[0]) -> relu,
        fc2: Linear(plan.widths[plan.widths.len() - 1]) -> relu,
        head: Linear(2),
    }
}

#[test]
fn arguments_are_of_any_type() {
    let vs = nn::VarStore::new(Device::Cpu);
    let plan = Plan { widths: vec![5, 6, 7], start: Posterior::point() };
    let net = Planned::new(&vs.root(), plan.clone(), "a note");
    assert_eq!(net.forward(&Tensor::randn([3, 4], CPU)).size(), [3, 2]);
    assert_eq!(net.fc2.weight.mu().size(), [7, 5]);
    assert!(vs.variables().keys().all(|name| !name.ends_with("rho")), "points");
    let other = nn::VarStore::new(Device::Cpu);
    let plan = Plan { widths: vec![5, 0], ..plan };
    refused(Planned::try_new(&other.root(), plan, 7), &other, &["fc2: the output size of `Linear`"]);
}

mod hygiene {
    #![allow(non_upper_case_globals, dead_code)]
    const x: u8 = 1;
    const p: u8 = 1;
    const train: u8 = 1;
    const posterior: u8 = 1;
    const visitor: u8 = 1;
    const f: u8 = 1;
    const skip: u8 = 1;
    const block: u8 = 1;
    const axes: u8 = 1;

    illia::bnn! {
        pub struct Shadowed(__x: i64): [4] -> [2] {
            residual { fc: Linear(__x) -> (|y| y * 2.0), back: Linear(4) },
            blocks: [Inner; 2],
            head: Linear(2),
        }
    }

    illia::bnn! {
        pub struct Inner: [4] -> [4] { fc: Linear(4) }
    }
}

#[test]
fn names_of_constants_break_nothing() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = hygiene::Shadowed::new(&vs.root(), 3);
    assert_eq!(net.forward(&Tensor::randn([2, 4], CPU)).size(), [2, 2]);
    assert!(!net.per_example(), "a closure is the user's");
    assert!(Encoder::<2>::new(&(vs.root() / "b"), 3, 0.0).per_example());
}

bnn! {
    struct Inner(kernel: i64, padding: i64, groups: i64, std: f64): [4, 9] -> [kernel] {
        residual { conv: Conv1d(4, kernel: kernel, padding: padding, groups: groups) },
        flatten,
        repeat 2 { fc: Linear(kernel, prior: Gaussian(std: std)) },
    }
}

bnn! {
    struct Outer(kernel: i64, padding: i64, groups: i64, std: f64): [4, 9] -> [kernel] {
        inner: Inner(kernel: kernel, padding: padding, groups: groups, std: std),
    }
}

#[test]
fn what_a_nested_net_refuses_names_its_layer_and_its_numbers() {
    let said = |kernel, padding, groups, std| {
        let made = Outer::try_new(&nn::VarStore::new(Device::Cpu).root(), kernel, padding, groups, std);
        made.map(|_| ()).expect_err("it does not fit").to_string()
    };
    assert_eq!(
        said(3, 1, 3, 0.1),
        "inner.0.conv: `groups` of `conv` must divide its channels: 3 does not divide the 4 channels that come in"
    );
    assert_eq!(
        said(3, 0, 1, 0.1),
        "inner.0.conv: the ends of a `residual` must be alike, but the input gives [4, 9] and `conv` gives [4, 7]"
    );
    assert_eq!(
        said(14, 2, 1, 0.1),
        "inner.0.conv: the kernel of `conv` is larger than its padded input: 14 over 9, padded by 2 on both sides (the input gives [4, 9])"
    );
    assert_eq!(said(3, 1, 1, 0.0), "inner.2.fc: `std` of `Gaussian` must be a number above 0, got 0");
    assert_eq!(said(0, 1, 1, 0.1), "Outer: an axis must be at least 1, got 0");
}
