use illia::prelude::*;

bnn! {
    struct Net: [4] -> [3] {
        let skip = fc: Linear(3) -> relu;
        wide: Linear(3) -> add(skpi),
    }
}

fn main() {}
