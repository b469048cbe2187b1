use illia::prelude::*;

bnn! {
    struct Wide<const H: i64>: [H] -> [H] {
        up: Linear(H * 2) -> relu,
        down: Linear(H * 3 => H),
    }
}

bnn! {
    struct Net: [16] -> [16] {
        wide: Wide<16>,
    }
}

fn main() {}
