use illia::prelude::*;

bnn! {
    struct Net: [1, 8, 8] -> [2] {
        conv: Conv2d(4, 3, 1, 1) -> flatten,
        head: Linear(2),
    }
}

fn main() {}
