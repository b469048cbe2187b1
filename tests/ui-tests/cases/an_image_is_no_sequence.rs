use illia::prelude::*;

bnn! {
    struct Rows: [1, 28, 28] -> [10] {
        lstm: Lstm(32) -> last,
        head: Linear(10),
    }
}

bnn! {
    struct Pixels: [8, 4, 4] -> [8, 4, 4] {
        attend: SelfAttention(heads: 2),
    }
}

bnn! {
    struct Weighed: (image: [8, 4, 4], weights: [8]) -> [8, 4, 4] {
        image -> multiply(weights),
    }
}

fn main() {}
