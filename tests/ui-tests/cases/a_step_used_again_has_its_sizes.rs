use illia::prelude::*;

bnn! {
    struct Net: [4] -> [8] {
        fc: Linear(8) -> relu,
        fc,
    }
}

fn main() {}
