//! `lora` needs its rank and its scale.

use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        fc: Linear(8, lora: (rank: 4)) -> relu,
        head: Linear(2, lora: 4),
    }
}

fn main() {}
