use illia::prelude::*;

const WIDTH: f64 = 4.0;

bnn! {
    struct Net: [8] -> [4] {
        fc1: Linear(WIDTH) -> relu,
        fc2: Linear(4),
    }
}

fn main() {}
