use illia::prelude::*;

bnn! {
    struct Net: [8] -> [4] {
        fc: Linear(),
    }
}

fn main() {}
