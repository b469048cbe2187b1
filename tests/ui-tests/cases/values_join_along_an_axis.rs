use illia::prelude::*;

bnn! {
    struct Net: (a: [4, 8], b: [4, 7]) -> [4, 15] {
        a -> concat(b),
    }
}

fn main() {}
