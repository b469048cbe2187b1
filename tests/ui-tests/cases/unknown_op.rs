use illia::prelude::*;

bnn! {
    struct Net: [784] -> [10] {
        fc1: Linear(400) -> rellu,
        head: Linear(10),
    }
}

fn main() {}
