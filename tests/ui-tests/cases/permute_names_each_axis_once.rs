use illia::prelude::*;

bnn! {
    struct Net: [3, 8, 8] -> [8, 8, 3] {
        permute([1, 2, 2]),
    }
}

fn main() {}
