use illia::prelude::*;

bnn! {
    struct Net: [8] -> [4] {
        fc1: Linear(WIDHT) -> relu,
        fc2: Linear(4),
    }
}

fn main() {}
