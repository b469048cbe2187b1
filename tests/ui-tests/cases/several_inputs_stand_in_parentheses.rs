use illia::prelude::*;

bnn! {
    struct Net: [4], [2] -> [1] {
        head: Linear(1),
    }
}

bnn! {
    struct Twice: (x: [4], x: [4]) -> [4] {
        let y: Tensor = x -> fc: Linear(4);
        return y;
    }
}

fn main() {}
