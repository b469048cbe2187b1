use illia::prelude::*;

bnn! {
    struct Encoder(features: i64, p: f64): [features] -> [8] {
        fc: Linear(8) -> dropout(p),
    }
}

bnn! {
    struct Net(columns: i64): [columns] -> [8] {
        encoder: Encoder(feature: columns, p: 0.1),
    }
}

fn main() {}
