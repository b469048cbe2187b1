use illia::prelude::*;

bnn! {
    struct Block<const C: i64>: [C] -> [C] {
        fc: Linear(C) -> relu,
    }
}

bnn! {
    struct Net: [4] -> [4] {
        block: Block,
    }
}

fn main() {}
