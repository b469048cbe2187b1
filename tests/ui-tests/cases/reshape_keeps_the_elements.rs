use illia::prelude::*;

bnn! {
    struct Net: [784] -> [1, 28, 27] {
        reshape([1, 28, 27]),
    }
}

fn main() {}
