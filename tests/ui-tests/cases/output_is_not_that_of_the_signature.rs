use illia::prelude::*;

bnn! {
    struct Net: [784] -> [10] {
        fc: Linear(400) -> relu,
        head: Linear(12),
    }
}

fn main() {}
