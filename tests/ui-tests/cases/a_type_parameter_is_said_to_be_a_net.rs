use illia::prelude::*;

bnn! {
    struct Net<N>: [4] -> [2] {
        inner: N,
        head: Linear(2),
    }
}

fn main() {}
