use illia::prelude::*;

bnn! {
    struct Encoder: [784] -> [32] {
        fc: Linear(32) -> relu,
    }
}

bnn! {
    struct Decoder: [16] -> [784] {
        fc: Linear(784),
    }
}

bnn! {
    struct Net: [784] -> [784] {
        encoder: Encoder,
        decoder: Decoder,
    }
}

fn main() {}
