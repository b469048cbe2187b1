use illia::prelude::*;

bnn! {
    struct Block: [16] -> [8] {
        fc: Linear(8) -> relu,
    }
}

bnn! {
    struct Net: [16] -> [8] {
        blocks: [Block; 3],
    }
}

fn main() {}
