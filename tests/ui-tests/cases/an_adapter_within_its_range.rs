//! A rank is at least 1, a scale above 0, whether a literal or a constant.

use illia::prelude::*;

const ALPHA: f64 = 0.0;

bnn! {
    struct Net: [4] -> [2] {
        fc1: Linear(8, lora: (rank: 0, alpha: 16.0)) -> relu,
        fc2: Linear(8, lora: (rank: 4, alpha: -1.0)) -> relu,
        head: Linear(2, lora: (rank: 4, alpha: 1.0, ranks: 2)),
    }
}

bnn! {
    struct OfConstants: [4] -> [2] {
        head: Linear(2, lora: (rank: 4, alpha: ALPHA)),
    }
}

fn main() {}
