use illia::prelude::*;

bnn! {
    struct Net: [1, 8, 8] -> [5, 8, 8] {
        let skip = conv: Conv2d(2, kernel: 3);
        wide: Conv2d(3, kernel: 5) -> concat(skip),
    }
}

fn main() {}
