//! A crop is smaller than its axis; one number is for both ends.

use illia::prelude::*;

bnn! {
    struct Net: [3, 8, 8] -> [3, 8, 8] {
        crop(4),
        pad(1, before: 2),
        pad,
    }
}

fn main() {}
