use illia::prelude::*;

struct Scale(f64);

bnn! {
    struct Net(sizes: Vec<i64>, scale: Scale): [4] -> [2] {
        fc: Linear(sizes[0]) -> dropout(scale.0),
        head: Linear(2),
    }
}

fn main() {}
