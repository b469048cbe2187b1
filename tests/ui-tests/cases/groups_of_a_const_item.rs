use illia::prelude::*;

const GROUPS: usize = 4;

bnn! {
    struct Net: [6, 8, 8] -> [8, 8, 8] {
        conv: Conv2d(8, kernel: 3, padding: 1, groups: GROUPS),
    }
}

fn main() {}
