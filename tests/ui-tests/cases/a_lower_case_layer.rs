use illia::prelude::*;

bnn! {
    struct Net: [8] -> [4] {
        fc: linear(4),
    }
}

fn main() {}
