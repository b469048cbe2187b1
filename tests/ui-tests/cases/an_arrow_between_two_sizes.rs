use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        fc: Linear(4 -> 2),
    }
}

fn main() {}
