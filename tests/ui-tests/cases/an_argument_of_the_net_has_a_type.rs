use illia::prelude::*;

bnn! {
    struct Net(features): [features] -> [2] {
        fc: Linear(2),
    }
}

fn main() {}
