use illia::prelude::*;

const WIDTH: i64 = 16;
const NARROW: i64 = 12;

bnn! {
    struct Net: [WIDTH] -> [WIDTH] {
        residual {
            fc1: Linear(WIDTH * 2) -> relu,
            fc2: Linear(NARROW),
        },
    }
}

fn main() {}
