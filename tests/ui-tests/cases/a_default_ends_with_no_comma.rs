use illia::prelude::*;

bnn! {
    struct Net: [8] -> [2] {
        prior: Gaussian(std: 0.1),
        head: Linear(2),
    }
}

fn main() {}
