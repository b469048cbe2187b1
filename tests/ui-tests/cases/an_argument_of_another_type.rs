use illia::prelude::*;

bnn! {
    struct Net(width: f64): [4] -> [2] {
        fc: Linear(width),
        head: Linear(2),
    }
}

fn main() {}
