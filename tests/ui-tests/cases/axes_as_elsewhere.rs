use illia::prelude::*;

bnn! {
    struct Net: [seq, 8] -> [16] {
        let x = fc: Linear(8) -> softmax(1);
        x -> mean(dim: 1),
        let y = head: Linear(8);
        x -> max(0) -> concat([y]),
    }
}

fn main() {}
