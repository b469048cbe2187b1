use illia::prelude::*;

bnn! {
    struct Net: [3, 8, 8] -> [2] {
        conv: nn::Conv2d(4, kernel: 3),
        norm: GroupNorm(2, 4),
        act: ReLU,
        flat: Flatten,
        head: Sequential { fc: Linear(4), out: Linear(2) },
    }
}

fn main() {}
