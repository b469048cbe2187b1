use illia::prelude::*;

bnn! {
    struct Net: [8] -> [4] {
        fc1: Linear(4_000_000_000),
        fc2: Linear(4),
    }
}

fn main() {}
