use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        let skip = fc: Linear(3) -> relu;
        head: Linear(2),
    }
}

fn main() {}
