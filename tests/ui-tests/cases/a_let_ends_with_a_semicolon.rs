use illia::prelude::*;

bnn! {
    struct Net: [4] -> [3] {
        let skip = fc: Linear(3),
        skip -> relu,
    }
}

fn main() {}
