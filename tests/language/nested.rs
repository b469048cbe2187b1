//! Nets within nets within nets; twins; arrays; generic nets.

use illia::prelude::*;

const CPU: (Kind, Device) = (Kind::Float, Device::Cpu);

bnn! {
    struct Leaf<const N: i64>: [N] -> [N] {
        fc: Linear(N) -> relu -> dropout(0.5),
    }
}

bnn! {
    struct Middle<const N: i64>: [N] -> [4] {
        left: Leaf<N>,
        leaves: [Leaf<N>; 2],
        fc: Linear(4) -> relu,
    }
}

bnn! {
    pub struct Root: [6] -> [3] {
        middle: Middle<6> -> relu,
        residual { leaf: Leaf<4> -> tanh },
        concat { { a: Leaf<4> }, { b: Leaf<4>, narrow: Linear(2) } },
        head: Linear(6 => 3),
    }
}

bnn! {
    struct Encoder: [seq, 8] -> [seq, 16] {
        gru: Gru(16),
    }
}

bnn! {
    struct Reader: [time] -> [2] {
        embed: Embedding(8, vocabulary: 10),
        encoder: Encoder,
        last,
        head: Linear(2),
    }
}

bnn! {
    struct Images: [1, 12, 12] -> [2] {
        body: Convs,
        conv: Conv2d(3, kernel: 3) -> relu -> max_pool(2),
        flatten,
        head: Linear(2),
    }
}

bnn! {
    struct Convs: [1, 12, 12] -> [2, 10, 10] {
        conv: Conv2d(2, kernel: 3),
    }
}

bnn! {
    struct Wrapped<E: illia::Net>: [6] -> [3] {
        inner: E,
        head: Linear(3),
    }
}

#[test]
fn three_deep() {
    let vs = nn::VarStore::new(Device::Cpu);
    let mut net = Root::new(&vs.root());
    let x = Tensor::randn([2, 6], CPU);
    assert_eq!(net.forward(&x).size(), [2, 3]);
    let linear = |i: usize, o: usize| i * o + o;
    let want = 3 * linear(6, 6) + linear(6, 4) + 3 * linear(4, 4) + linear(4, 2) + linear(6, 3);
    assert_eq!(net.kl_cost().num_params, want);
    assert!(vs.variables().contains_key("middle.leaves.1.fc.weight.mu"));
    assert!(!net.is_frozen());
    net.freeze();
    assert!(net.middle.leaves[1].fc.is_frozen() && net.is_frozen());
    net.unfreeze();
    net.middle.freeze();
    assert!(!net.is_frozen() && net.middle.is_frozen());
}

#[test]
fn the_twin_is_plain_all_the_way_down() {
    let vs = nn::VarStore::new(Device::Cpu);
    let twin = Root::deterministic(&vs.root());
    let x = Tensor::randn([2, 6], CPU);
    assert_eq!(twin.kl_cost().num_params, 0);
    assert!(twin.forward(&x).allclose(&twin.forward(&x), 0., 0., false));
    assert!(vs.variables().contains_key("middle.left.fc.weight"));
    assert!(!twin.forward_t(&x, true).allclose(&twin.forward_t(&x, true), 0., 0., false), "dropout is left");
}

#[test]
fn names_of_axes_are_the_nets_own() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Reader::new(&vs.root());
    let tokens = Tensor::randint(10, [2, 9], (Kind::Int64, Device::Cpu));
    assert_eq!(net.forward(&tokens).size(), [2, 2]);
}

#[test]
fn layers_behind_a_net_infer_their_inputs() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Images::new(&vs.root());
    assert_eq!(net.forward(&Tensor::randn([2, 1, 12, 12], CPU)).size(), [2, 2]);
    assert_eq!(net.head.weight.num_params(), 3 * 4 * 4 * 2);
    let wrapped = Wrapped::<Middle<6>>::new(&(vs.root() / "wrapped"));
    assert_eq!(wrapped.forward(&Tensor::randn([2, 6], CPU)).size(), [2, 3]);
}

#[test]
fn an_error_names_the_whole_path() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Reader::new(&vs.root());
    let tokens = Tensor::from_slice(&[10i64]).reshape([1, 1]);
    let error = net.try_forward(&tokens).expect_err("no such token").to_string();
    assert!(error.starts_with("embed: token 10"), "{error}");
}
