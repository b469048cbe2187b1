use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        #[deterministic]
        fc: Linear(4, prior: Gaussian(std: 0.1)),
        #[deterministic]
        head: Linear(2, estimator: Flipout),
    }
}

fn main() {}
