use illia::prelude::*;

bnn! {
    struct Net: [8] -> [8] {
        #[deterministic]
        relu,
    }
}

fn main() {}
