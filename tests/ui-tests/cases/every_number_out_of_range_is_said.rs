use illia::prelude::*;

bnn! {
    struct Net: [8] -> [2] {
        head: Linear(2, prior: ScaleMixture(pi: 1.5, std1: 0.0)),
    }
}

fn main() {}
