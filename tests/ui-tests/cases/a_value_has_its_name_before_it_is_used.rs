use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        fc: Linear(3) -> add(skip),
        let skip = wide: Linear(3);
        skip -> head: Linear(2),
    }
}

fn main() {}
