use illia::prelude::*;

bnn! {
    struct Net: [1, 8, 8] -> [4, 6, 6] {
        conv: Conv2d(4, kernel: 3, stride: 0),
    }
}

fn main() {}
