//! The nets of the workloads, each Bayesian and of tch's own layers.

use illia::prelude::*;

bnn! {
    pub struct Mlp: [1, 28, 28] -> [10] {
        flatten,
        fc1: Linear(400) -> relu,
        fc2: Linear(400) -> relu,
        head: Linear(10),
    }
}

bnn! {
    pub struct Cnn: [1, 28, 28] -> [10] {
        conv1: Conv2d(32, kernel: 3, padding: 1) -> relu -> max_pool(2),
        conv2: Conv2d(64, kernel: 3, padding: 1) -> relu -> max_pool(2),
        flatten,
        fc: Linear(128) -> relu,
        head: Linear(10),
    }
}

bnn! {
    pub struct Sequence: [seq] -> [10] {
        embed: Embedding(64, vocabulary: 1000),
        lstm: Lstm(128) -> last,
        head: Linear(10),
    }
}

bnn! {
    pub struct Gated: [seq] -> [10] {
        embed: Embedding(64, vocabulary: 1000),
        gru: Gru(128) -> last,
        head: Linear(10),
    }
}

bnn! {
    /// So small that what a step costs beside its arithmetic shows.
    pub struct Small: [64] -> [10] {
        fc1: Linear(64) -> relu,
        fc2: Linear(64) -> relu,
        head: Linear(10),
    }
}

/// The deterministic nets: what a user of tch writes.
pub fn plain_mlp(p: &nn::Path) -> impl Fn(&Tensor) -> Tensor + use<> {
    let linear = |name, inputs, outputs| nn::linear(p / name, inputs, outputs, Default::default());
    let (fc1, fc2, head) = (linear("fc1", 784, 400), linear("fc2", 400, 400), linear("head", 400, 10));
    move |x| head.forward(&fc2.forward(&fc1.forward(&x.flatten(1, -1)).relu()).relu())
}

pub fn plain_cnn(p: &nn::Path) -> impl Fn(&Tensor) -> Tensor + use<> {
    let padded = nn::ConvConfig { padding: 1, ..Default::default() };
    let conv1 = nn::conv2d(p / "conv1", 1, 32, 3, padded);
    let conv2 = nn::conv2d(p / "conv2", 32, 64, 3, padded);
    let fc = nn::linear(p / "fc", 3136, 128, Default::default());
    let head = nn::linear(p / "head", 128, 10, Default::default());
    move |x| {
        let x = conv1.forward(x).relu().max_pool2d_default(2);
        let x = conv2.forward(&x).relu().max_pool2d_default(2);
        head.forward(&fc.forward(&x.flatten(1, -1)).relu())
    }
}

pub fn plain_sequence(p: &nn::Path) -> impl Fn(&Tensor) -> Tensor + use<> {
    let embed = nn::embedding(p / "embed", 1000, 64, Default::default());
    let lstm = nn::lstm(p / "lstm", 64, 128, Default::default());
    let head = nn::linear(p / "head", 128, 10, Default::default());
    move |x| {
        let (states, _) = nn::RNN::seq(&lstm, &embed.forward(x));
        head.forward(&states.select(1, -1))
    }
}

pub fn plain_gated(p: &nn::Path) -> impl Fn(&Tensor) -> Tensor + use<> {
    let embed = nn::embedding(p / "embed", 1000, 64, Default::default());
    let gru = nn::gru(p / "gru", 64, 128, Default::default());
    let head = nn::linear(p / "head", 128, 10, Default::default());
    move |x| {
        let (states, _) = nn::RNN::seq(&gru, &embed.forward(x));
        head.forward(&states.select(1, -1))
    }
}

pub fn plain_small(p: &nn::Path) -> impl Fn(&Tensor) -> Tensor + use<> {
    let linear = |name, inputs, outputs| nn::linear(p / name, inputs, outputs, Default::default());
    let (fc1, fc2, head) = (linear("fc1", 64, 64), linear("fc2", 64, 64), linear("head", 64, 10));
    move |x| head.forward(&fc2.forward(&fc1.forward(x).relu()).relu())
}
