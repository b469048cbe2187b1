use illia::prelude::*;

bnn! {
    struct Encoder: [32] -> [8] {
        fc: Linear(8) -> relu,
    }
}

bnn! {
    struct Net: [784] -> [8] {
        fc1: Linear(64) -> relu,
        encoder: Encoder,
    }
}

fn main() {}
