use illia::prelude::*;

bnn! {
    #[derive(Clone)]
    struct Net: [4] -> [2] {
        head: Linear(2),
    }
}

bnn! {
    #[deterministic]
    struct Plain: [4] -> [2] {
        head: Linear(2),
    }
}

fn main() {}
