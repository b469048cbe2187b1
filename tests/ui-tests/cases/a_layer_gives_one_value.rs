use illia::prelude::*;

bnn! {
    struct Net: [4] -> [3] {
        let (a, b) = fc: Linear(3);
        a -> add(b),
    }
}

fn main() {}
