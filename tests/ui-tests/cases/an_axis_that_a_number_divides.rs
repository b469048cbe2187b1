//! `h * 4` takes what 4 divides, and is not `h`.

use illia::prelude::*;

bnn! {
    struct Unet: [1, h * 4, w * 4] -> [2, h * 4, w * 4] {
        conv: Conv2d(2, kernel: 3, padding: 1),
    }
}

bnn! {
    struct Net: [1, 30, 32] -> [2, 30, 32] {
        unet: Unet,
    }
}

bnn! {
    struct Half: [1, h * 4, w] -> [1, h, w] {
        max_pool((2, 1)),
    }
}

fn main() {}
