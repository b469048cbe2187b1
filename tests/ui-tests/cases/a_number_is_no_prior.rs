use illia::prelude::*;

bnn! {
    struct Net(std: f64): [4] -> [2] {
        prior: (std);

        head: Linear(2, posterior: std),
    }
}

fn main() {}
