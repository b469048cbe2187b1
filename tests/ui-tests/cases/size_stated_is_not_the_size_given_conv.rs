use illia::prelude::*;

bnn! {
    struct Net: [3, 32, 32] -> [10] {
        conv1: Conv2d(8, kernel: 3),
        conv2: Conv2d(16 => 8, kernel: 3),
        flatten,
        head: Linear(10),
    }
}

fn main() {}
