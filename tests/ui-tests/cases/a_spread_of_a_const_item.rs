use illia::prelude::*;

const STD: f64 = 0.0;
const P: f64 = 1.5;

bnn! {
    struct Net: [4] -> [2] {
        prior: Gaussian(std: STD);

        fc: Linear(2) -> dropout(P),
    }
}

mod limits {
    pub const STD: f64 = -1.0;
}

bnn! {
    struct Elsewhere: [4] -> [2] {
        fc: Linear(2, prior: Gaussian(std: limits::STD)),
    }
}

fn main() {}
