use illia::prelude::*;

bnn! {
    struct Net: [32, 1, 28, 28] -> [32, 10] {
        conv: Conv2d(6, kernel: 5) -> relu,
        flatten,
        head: Linear(10),
    }
}

fn main() {}
