use illia::prelude::*;

bnn! {
    struct Net: [seq] -> [10] {
        fc: Linear(10),
    }
}

fn main() {}
