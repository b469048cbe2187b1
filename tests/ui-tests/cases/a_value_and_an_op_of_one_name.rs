use illia::prelude::*;

bnn! {
    struct Net: [4] -> [3] {
        let mean = fc: Linear(3) -> relu;
        mean -> add(mean),
    }
}

fn main() {}
