use illia::prelude::*;

bnn! {
    struct Net: [8] -> [4] {
        fc: Linear(4, prior: Gaussian(std: 0)),
    }
}

fn main() {}
