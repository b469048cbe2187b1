use illia::prelude::*;

bnn! {
    struct Net: [8] -> [8] {
        fc: Linear(8) -> |x| x * 2.0,
    }
}

fn main() {}
