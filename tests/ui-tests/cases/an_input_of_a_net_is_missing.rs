use illia::prelude::*;

bnn! {
    struct Towers: (user: [6], item: [4]) -> [1] {
        user -> concat(item),
        fc: Linear(1),
    }
}

bnn! {
    struct Net: (a: [6], b: [4]) -> [5] {
        a -> score: Towers(user: a) -> concat(b),
    }
}

fn main() {}
