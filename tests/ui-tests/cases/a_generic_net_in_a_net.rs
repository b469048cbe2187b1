use illia::prelude::*;

bnn! {
    struct Flat<const C: i64>: [C, 4, 4] -> [C * 16] {
        flatten,
    }
}

bnn! {
    struct Net: [3, 4, 4] -> [10] {
        flat: Flat<3>,
        head: Linear(50 => 10),
    }
}

fn main() {}
