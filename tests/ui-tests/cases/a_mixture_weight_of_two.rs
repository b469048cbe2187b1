use illia::prelude::*;

bnn! {
    struct Net: [8] -> [2] {
        prior: ScaleMixture(pi: 2.0, sigma1: 1.0);
        
        fc: Linear(2),
    }
}

fn main() {}
