//! A gate needs two halves.

use illia::prelude::*;

const WIDTH: i64 = 7;

bnn! {
    struct Net: [8] -> [4] {
        fc1: Linear(9) -> glu,
        fc2: Linear(WIDTH) -> swiglu,
        head: Linear(4),
    }
}

fn main() {}
