use illia::prelude::*;

bnn! {
    struct Net: (user: [4], item: [3]) -> [2] {
        user -> fc: Linear(2),
    }
}

fn main() {}
