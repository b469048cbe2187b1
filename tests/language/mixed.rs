//! Const items, const functions and const parameters side by side, in every argument that takes a size.

use illia::prelude::*;
const K: usize = 3;
const S: u32 = 2;
const P: i32 = 1;
const G: i64 = 4;
const DEPTH: usize = 3;
const VOCAB: usize = 50;
const fn half(n: i64) -> i64 {
    n / 2
}
bnn! {
    struct Block<const W: i64>: [W, 8, 8] -> [W, 8, 8] {
        residual { c: Conv2d(W, kernel: K, padding: P) -> relu, d: Conv2d(W, kernel: 3, padding: P) },
        norm: GroupNorm(groups: G),
    }
}
bnn! {
    struct Net<const W: i64, const OUT: usize>: [3, 16, 16] -> [OUT] {
        prior: Gaussian(std: 0.5);
        stem: Conv2d(W, kernel: K, stride: S, padding: P) -> relu,
        blocks: [Block<W>; DEPTH],
        norm: GroupNorm(groups: G),
        concat { { a: Conv2d(W, kernel: 1) }, { b: Conv2d(half(W * 2), kernel: K, padding: P) } },
        residual(project: Conv2d(W * 2, kernel: 1, stride: S)) { e: Conv2d(W * 2, kernel: K, stride: S, padding: P) },
        up: ConvTranspose2d(W, kernel: S, stride: S) -> max_pool(S, stride: S) -> avg_pool(K, stride: 1, padding: P),
        repeat DEPTH { f: Conv2d(W, kernel: K, padding: P) -> silu },
        flatten,
        fc: Linear(W * 16 => half(W) * 2) -> tanh -> dropout(0.1),
        reshape([2, half(W)]),
        flatten,
        head: Linear(OUT),
    }
}
bnn! {
    struct Words<const D: usize, const C: usize>: [seq] -> [C] {
        embed: Embedding(D, vocabulary: VOCAB, padding_idx: 0),
        permute([1, 0]),
        conv: Conv1d(D * 2, kernel: K, padding: P),
        permute([1, 0]),
        lstm: Lstm(D, layers: S, bidirectional: true),
        norm: LayerNorm,
        last,
        head: Linear(D * 2 => C),
    }
}
bnn! {
    struct Plain: [8] -> [8] { a: Linear(8) }
}

bnn! {
    struct Behind<const M: i64>: [8] -> [M] { plain: Plain, hidden: Linear(M) -> relu, head: Linear(M) }
}

#[test]
fn a_parameter_behind_a_net_without_any() {
    let net = Behind::<3>::new(&nn::VarStore::new(Device::Cpu).root());
    assert_eq!(net.forward(&Tensor::ones([2, 8], (Kind::Float, Device::Cpu))).size(), [2, 3]);
}

#[test]
fn constants_of_all_sorts_meet() {
    let vs = nn::VarStore::new(Device::Cpu);
    let net = Net::<8, 10>::new(&vs.root());
    assert_eq!(net.forward(&Tensor::randn([2, 3, 16, 16], (Kind::Float, Device::Cpu))).size(), [2, 10]);
    assert!(net.to_string().contains("\n10,434 parameters: 10,370 random, 64 plain\n"));
    let vs = nn::VarStore::new(Device::Cpu);
    let words = Words::<4, 3>::new(&vs.root());
    assert_eq!(words.forward(&Tensor::ones([2, 7], (Kind::Int64, Device::Cpu))).size(), [2, 3]);
}
