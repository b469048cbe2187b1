use illia::prelude::*;

bnn! {
    struct Heads: [4] -> (class: [1], value: [1]) {
        let class = classify: Linear(1);
        let value = class -> regress: Linear(1);
    }
}

bnn! {
    struct Net: [4] -> [2] {
        let (a, b, c) = heads: Heads;
        a -> concat(b, c),
    }
}

fn main() {}
