use illia::prelude::*;

bnn! {
    struct Net: [8] -> [4] {
        fc: Linear(4, kernel: 3),
    }
}

fn main() {}
