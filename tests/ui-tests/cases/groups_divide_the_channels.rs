use illia::prelude::*;

bnn! {
    struct Net: [6, 8, 8] -> [8, 8, 8] {
        conv: Conv2d(8, kernel: 3, padding: 1, groups: 4),
    }
}

fn main() {}
