use illia::prelude::*;

const CLASSES: i64 = 10;

bnn! {
    struct Net: [784] -> [CLASSES] {
        fc: Linear(400) -> relu,
        head: Linear(12),
    }
}

fn main() {}
