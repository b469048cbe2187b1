use illia::prelude::*;

bnn! {
    struct Net<const D: i64>: [D] -> [D] {
        fc: Linear(D) -> relu,
        again: Net<D>,
    }
}

bnn! {
    struct Deep: [4] -> [4] {
        blocks: [Deep; 3],
    }
}

fn main() {}
