use illia::prelude::*;

bnn! {
    struct Encoder: [784] -> [32] {
        fc: Linear(32) -> relu,
    }
}

bnn! {
    struct Net: [784] -> [10] {
        encoder: Encoder,
    }
}

fn main() {}
