use illia::prelude::*;

bnn! {
    struct Net: [1, 8, 8] -> [10] {
        conv: Conv2d(10, kernel: 3),
    }
}

fn main() {}
