use illia::prelude::*;

bnn! {
    struct Net: [seq] -> [18] {
        lstm: Lstm(64) -> last,
        head: Linear(18),
    }
}

fn main() {}
