use illia::prelude::*;

bnn! {
    struct Net: [8] -> [8] {
        fc1: Linear(8) -> Linear(8),
    }
}

fn main() {}
