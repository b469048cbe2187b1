use illia::prelude::*;

bnn! {
    struct Net: [4] -> [4] {
        let skip = fc: Linear(4) -> relu;
        out: Linear(4) -> (|x| x + skip),
    }
}

fn main() {}
