//! An adapter is a posterior, and no plain weight.

use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        fc: Linear(8, lora: (rank: 4, alpha: 16.0), posterior: Point) -> relu,
        #[deterministic]
        head: Linear(2, lora: (rank: 4, alpha: 16.0)),
    }
}

fn main() {}
