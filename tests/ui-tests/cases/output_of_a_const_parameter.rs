use illia::prelude::*;

bnn! {
    struct Net<const CLASSES: i64>: [784] -> [CLASSES] {
        head: Linear(10),
    }
}

fn main() {}
