use illia::prelude::*;

bnn! {
    struct Image: (3, 8, 8) -> [10] {
        flatten,
        head: Linear(10),
    }
}

bnn! {
    struct Heads: [8] -> ([10], [1]) {
        class: Linear(10),
        value: Linear(1),
    }
}

fn main() {}
