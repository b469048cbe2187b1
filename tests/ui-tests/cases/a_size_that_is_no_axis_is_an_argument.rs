use illia::prelude::*;

bnn! {
    struct Net: [features] -> [2] {
        fc: Linear(8) -> relu,
        head: Linear(2),
    }
}

fn main() {}
