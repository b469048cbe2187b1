use illia::prelude::*;

bnn! {
    struct Net: [8] -> [4] {
        fc: Linear(4) -> dropout(1.5),
    }
}

fn main() {}
