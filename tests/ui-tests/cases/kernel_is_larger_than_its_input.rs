use illia::prelude::*;

bnn! {
    struct Net: [1, 8, 8] -> [4, 1, 1] {
        conv1: Conv2d(4, kernel: 3) -> max_pool(2),
        conv2: Conv2d(4, kernel: 5),
    }
}

fn main() {}
