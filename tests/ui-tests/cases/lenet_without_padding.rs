use illia::prelude::*;

bnn! {
    struct Net: [1, 28, 28] -> [10] {
        conv1: Conv2d(6, kernel: 5) -> relu -> max_pool(2),
        conv2: Conv2d(16, kernel: 5) -> relu -> max_pool(2),
        flatten,
        fc1: Linear(400 => 120) -> relu,
        head: Linear(10),
    }
}

fn main() {}
