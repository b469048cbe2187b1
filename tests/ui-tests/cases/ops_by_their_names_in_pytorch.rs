use illia::prelude::*;

bnn! {
    struct Net: [4] -> [2] {
        fc: Linear(8) -> ReLU -> Dropout(0.5),
        head: Linear(2) -> LogSoftmax,
    }
}

fn main() {}
