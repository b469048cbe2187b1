use illia::prelude::*;

const NONE: i64 = 0;
const HUGE: u64 = u64::MAX;

bnn! {
    struct Net: [1, 8, 8] -> [2] {
        conv: Conv2d(4, kernel: NONE, padding: 1),
        flatten,
        fc: Linear(HUGE),
        head: Linear(2),
    }
}

fn main() {}
