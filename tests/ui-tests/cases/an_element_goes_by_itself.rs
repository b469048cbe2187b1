//! `each` sees one element, not the values around it.

use illia::prelude::*;

bnn! {
    struct Net: (x: [time, 8], bias: [4]) -> [time, 4] {
        x -> each { fc: Linear(4) -> add(bias) },
    }
}

fn main() {}
