use illia::prelude::*;

const KERNEL: u32 = 11;

bnn! {
    struct Net: [1, 8, 8] -> [4, 1, 1] {
        conv: Conv2d(4, kernel: KERNEL),
    }
}

fn main() {}
