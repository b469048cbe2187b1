use illia::prelude::*;

bnn! {
    struct Net: [batch, 8] -> [8] {
        fc: Linear(8),
    }
}

fn main() {}
