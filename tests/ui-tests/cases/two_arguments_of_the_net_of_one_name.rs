use illia::prelude::*;

bnn! {
    struct Net(n: i64, n: i64): [n] -> [2] {
        fc: Linear(2),
    }
}

fn main() {}
