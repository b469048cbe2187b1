use illia::prelude::*;

const HIDDEN: usize = 300;

const fn half(n: usize) -> usize {
    n / 2
}

bnn! {
    struct Net: [784] -> [10] {
        fc1: Linear(HIDDEN) -> relu,
        head: Linear(half(HIDDEN) => 10),
    }
}

fn main() {}
