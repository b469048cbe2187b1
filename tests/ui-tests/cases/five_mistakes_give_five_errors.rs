use illia::prelude::*;

bnn! {
    struct Net: [1, 28, 28] -> [10] {
        conv1: Conv2d(6, kernel: 5, pading: 2) -> rellu,
        flatten,
        fc1: Linear(100 => 120) -> dropout(2),
        head: Linear(12),
    }
}

fn main() {}
