//! The three nets of the workloads, each Bayesian and of tch's own layers.

use illia::nn::{
    Conv2d, ConvConfig, Embedding, EmbeddingConfig, Linear, LinearConfig, Lstm, RecurrentConfig,
};
use illia::prelude::*;
use illia::{Visitor, VisitorMut};

/// A module of the named fields, all of them modules.
macro_rules! net {
    ($name:ident { $($field:ident: $layer:ty),* $(,)? } |$self:ident, $x:ident| $forward:expr) => {
        #[derive(Debug)]
        pub struct $name { $($field: $layer),* }

        impl BayesianModule for $name {
            fn visit(&self, visitor: &mut Visitor<'_>) {
                $(visitor.module(stringify!($field), &self.$field);)*
            }
            fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
                $(visitor.module(stringify!($field), &mut self.$field);)*
            }
        }

        impl Module for $name {
            fn forward(&$self, $x: &Tensor) -> Tensor {
                $forward
            }
        }
    };
}

net!(
    Mlp { fc1: Linear, fc2: Linear, head: Linear } | self,
    x | {
        let x = self.fc1.forward(&x.flatten(1, -1)).relu();
        self.head.forward(&self.fc2.forward(&x).relu())
    }
);

impl Mlp {
    pub fn new(p: &nn::Path) -> Self {
        let linear = |name, inputs, outputs| Linear::new(p / name, inputs, outputs, LinearConfig::default());
        Mlp { fc1: linear("fc1", 784, 400), fc2: linear("fc2", 400, 400), head: linear("head", 400, 10) }
    }
}

net!(
    Cnn { conv1: Conv2d, conv2: Conv2d, fc: Linear, head: Linear } | self,
    x | {
        let x = self.conv1.forward(x).relu().max_pool2d_default(2);
        let x = self.conv2.forward(&x).relu().max_pool2d_default(2);
        self.head.forward(&self.fc.forward(&x.flatten(1, -1)).relu())
    }
);

impl Cnn {
    pub fn new(p: &nn::Path) -> Self {
        let conv = |name, inputs, outputs| {
            Conv2d::new(p / name, inputs, outputs, 3, ConvConfig { padding: 1.into(), ..Default::default() })
        };
        let linear = |name, inputs, outputs| Linear::new(p / name, inputs, outputs, LinearConfig::default());
        Cnn {
            conv1: conv("conv1", 1, 32),
            conv2: conv("conv2", 32, 64),
            fc: linear("fc", 3136, 128),
            head: linear("head", 128, 10),
        }
    }
}

net!(
    Sequence { embed: Embedding, lstm: Lstm, head: Linear } | self,
    x | {
        let states = self.lstm.forward_t(&self.embed.forward(x), true);
        self.head.forward(&states.select(1, -1))
    }
);

impl Sequence {
    pub fn new(p: &nn::Path) -> Self {
        Sequence {
            embed: Embedding::new(p / "embed", 1000, 64, EmbeddingConfig::default()),
            lstm: Lstm::new(p / "lstm", 64, 128, RecurrentConfig::default()),
            head: Linear::new(p / "head", 128, 10, LinearConfig::default()),
        }
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
