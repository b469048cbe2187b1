use illia::prelude::*;

bnn! {
    struct Net: [8] -> [8] {
        fc: Linear(8) -> relu(0.1) -> leaky_relu(-0.1),
    }
}

fn main() {}
