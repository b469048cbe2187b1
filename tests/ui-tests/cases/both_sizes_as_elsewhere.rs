use illia::prelude::*;

bnn! {
    struct Net: [1, 28, 28] -> [10] {
        conv: Conv2d(1, 6, 5),
        flatten,
        head: Linear(3456, 10),
    }
}

fn main() {}
