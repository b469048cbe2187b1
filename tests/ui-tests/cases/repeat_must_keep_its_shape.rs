use illia::prelude::*;

const TIMES: usize = 3;

bnn! {
    struct Net: [8] -> [16] {
        repeat TIMES { fc: Linear(16) -> relu },
    }
}

fn main() {}
