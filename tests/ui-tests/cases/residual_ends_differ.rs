use illia::prelude::*;

bnn! {
    struct Net: [8, 8, 8] -> [16, 8, 8] {
        residual {
            conv: Conv2d(16, kernel: 3, padding: 1) -> relu,
        },
    }
}

fn main() {}
