use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        fc: Linear(2, priorr: Gaussian(std: 1.0)),
    }
}

fn main() {}
