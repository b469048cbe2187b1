use illia::prelude::*;

bnn! {
    struct Towers: (user: [6], item: [4]) -> [1] {
        user -> concat(item),
        fc: Linear(1),
    }
}

bnn! {
    struct Net: [6] -> [1] {
        score: Towers,
    }
}

fn main() {}
