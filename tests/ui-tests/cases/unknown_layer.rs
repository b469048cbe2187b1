use illia::prelude::*;

bnn! {
    struct Net: [784] -> [10] {
        fc1: Linaer(400) -> relu,
        head: Linear(10),
    }
}

fn main() {}
