use illia::prelude::*;

bnn! {
    struct Net: [4, 3] -> [4] {
        max_pool(4),
        flatten,
    }
}

fn main() {}
