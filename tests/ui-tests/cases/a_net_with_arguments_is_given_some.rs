use illia::prelude::*;

bnn! {
    struct Encoder(features: i64, p: f64): [features] -> [8] {
        fc: Linear(8) -> dropout(p),
    }
}

bnn! {
    struct Net: [4] -> [8] {
        encoder: Encoder,
    }
}

fn main() {}
