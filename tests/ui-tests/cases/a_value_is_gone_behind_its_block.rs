use illia::prelude::*;

bnn! {
    struct Net: [4] -> [4] {
        residual {
            let skip = fc1: Linear(4) -> relu;
            fc2: Linear(4) -> add(skip),
        },
        fc3: Linear(4) -> add(skip),
    }
}

fn main() {}
