use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        prior: Gausian(std: 0.1);
        
        fc: Linear(2, estimator: FlipOut, posterior: Dropuot(p: 0.1)),
    }
}

fn main() {}
