use illia::prelude::*;

bnn! {
    struct Net: [784] -> [10] {
        conv: Conv2d(6, kernel: 5) -> relu,
        flatten,
        head: Linear(10),
    }
}

fn main() {}
