//! A library of the edition 2021, with the dependency under another name and every warning denied: it compiles.

#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, trivial_numeric_casts)]

use rusty::prelude::*;

/// How many classes there are.
pub const CLASSES: i64 = 10;
const PADDING: usize = 0;
const STRIDE: u32 = 1;

rusty::bnn! {
    /// A net that the crate's users see.
    #[illia(crate = ::rusty)]
    pub struct Seen<const WIDTH: usize>: [1, 8, 8] -> [CLASSES] {
        conv: Conv2d(WIDTH, kernel: 3, padding: PADDING, stride: STRIDE) -> relu,
        /// The residual's way.
        pub way: Conv2d(WIDTH, kernel: 1) -> gelu,
        flatten,
        repeat 2 { hidden: Linear(WIDTH * 2) -> tanh },
        pub head: Linear(CLASSES),
    }
}

bnn! {
    #[illia(crate = ::rusty)]
    pub(crate) struct Within: [4] -> [10] {
        fc: Linear(64),
        reshape([1, 8, 8]),
        seen: Seen<3>,
    }
}

/// A struct of the crate's own.
#[bayesian(crate = ::rusty)]
#[derive(Debug)]
pub struct Pair {
    first: Within,
    #[bayesian(skip)]
    scale: f64,
}

impl Pair {
    /// A pair at a path.
    pub fn new(p: &nn::Path<'_>) -> Self {
        Pair { first: Within::new(p), scale: 2.0 }
    }

    /// Both in a row.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        self.first.forward(x) * self.scale
    }
}
