use illia::prelude::*;

bnn! { struct Two: (a: [4], b: [4]) -> [4] { a -> add(b), fc: Linear(4) } }

bnn! {
    struct Net: (x: [4], y: [4]) -> [4] {
        one: Two(x, y),
        two: Two(a: x, b: z),
        three: Two(a: x, b: y, lora: (rank: 2, alpha: 4.0)),
    }
}

fn main() {}
