use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        priors: Gaussian(std: 0.1);
        
        fc: Linear(2),
    }
}

fn main() {}
