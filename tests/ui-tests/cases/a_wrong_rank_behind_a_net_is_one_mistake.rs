//! What follows from a mistake is none of its own.

use illia::prelude::*;

bnn! {
    struct Encoder: [8] -> [4] {
        fc: Linear(4),
    }
}

bnn! {
    struct Net: [8] -> [2] {
        encoder: Encoder,
        conv: Conv2d(4, kernel: 3) -> relu -> max_pool(2) -> flatten,
        head: Linear(2),
    }
}

fn main() {}
