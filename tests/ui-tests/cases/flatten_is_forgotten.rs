use illia::prelude::*;

bnn! {
    struct Net: [3, 32, 32] -> [10] {
        conv: Conv2d(8, kernel: 3) -> relu,
        head: Linear(10),
    }
}

fn main() {}
