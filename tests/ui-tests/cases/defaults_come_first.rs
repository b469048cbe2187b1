use illia::prelude::*;

bnn! {
    struct Net: [8] -> [4] {
        fc: Linear(4),
        prior: Laplace(scale: 0.1);
    }
}

fn main() {}
