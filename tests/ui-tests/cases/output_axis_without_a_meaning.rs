use illia::prelude::*;

bnn! {
    struct A: [8] -> [k] {
        head: Linear(2),
    }
}

bnn! {
    struct B: [seq, 8] -> [sequence, 2] {
        head: Linear(2),
    }
}

fn main() {}
