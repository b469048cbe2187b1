use illia::prelude::*;

bnn! {
    struct Towers: (user: [6], item: [4]) -> [1] {
        user -> concat(item),
        fc: Linear(1),
    }
}

bnn! {
    struct Encoder: [4] -> [1] {
        fc: Linear(1),
    }
}

bnn! {
    struct Net: (a: [6], b: [4]) -> [6] {
        score: Towers,
        concat(a, b) -> head: Linear(6),
    }
}

bnn! {
    struct Other: (a: [6], b: [4]) -> [6] {
        encode: Encoder,
        concat(a, b) -> head: Linear(6),
    }
}

fn main() {}
