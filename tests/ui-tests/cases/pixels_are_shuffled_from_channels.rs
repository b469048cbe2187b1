//! The square of the factor divides the channels.

use illia::prelude::*;

bnn! {
    struct Net: [3, 8, 8] -> [2, 16, 16] {
        conv: Conv2d(6, kernel: 1) -> pixel_shuffle(2),
    }
}

fn main() {}
