use illia::prelude::*;

bnn! {
    struct Net: [8] -> [4] {
        fc: Linear(8) -> relu,
        fc: Linear(4),
    }
}

fn main() {}
