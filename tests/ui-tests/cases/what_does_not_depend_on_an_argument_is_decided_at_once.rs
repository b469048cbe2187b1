use illia::prelude::*;

bnn! {
    struct Net(features: i64): [features] -> [2] {
        fc: Linear(8) -> relu,
        head: Linear(9 => 2),
    }
}

fn main() {}
