use illia::prelude::*;

bnn! {
    struct Net {
        fc: Linear(10),
    }
}

fn main() {}
