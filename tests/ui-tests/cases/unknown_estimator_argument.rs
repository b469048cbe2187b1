use illia::prelude::*;

bnn! {
    struct Net: [8] -> [2] {
        estimator: LocalReparametrization;
        
        fc: Linear(2),
    }
}

fn main() {}
