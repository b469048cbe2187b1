use illia::prelude::*;

bnn! {
    struct Net<C>: [4] -> [C] {
        head: Linear(C),
    }
}

bnn! {
    struct Other<const P: f64>: [4] -> [2] {
        head: Linear(2) -> dropout(P),
    }
}

fn main() {}
