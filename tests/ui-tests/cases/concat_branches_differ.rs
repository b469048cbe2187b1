use illia::prelude::*;

bnn! {
    struct Net: [3, 8, 8] -> [8, 8, 8] {
        concat {
            { near: Conv2d(4, kernel: 1) },
            { far: Conv2d(4, kernel: 3) },
        },
    }
}

fn main() {}
