use illia::prelude::*;

bnn! {
    struct Net: [784] -> [10] {
        fc1: Linear(300) -> relu,
        fc2: Linear(400 => 10),
    }
}

fn main() {}
