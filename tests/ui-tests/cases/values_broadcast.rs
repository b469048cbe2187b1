use illia::prelude::*;

bnn! {
    struct Net: [4] -> [5] {
        let skip = fc: Linear(3) -> relu;
        wide: Linear(5) -> multiply(skip),
    }
}

fn main() {}
