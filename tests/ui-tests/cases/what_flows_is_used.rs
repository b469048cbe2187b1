use illia::prelude::*;

bnn! {
    struct Net: (x: [4]) -> [2] {
        fc: Linear(3) -> relu,
        x -> head: Linear(2),
    }
}

fn main() {}
