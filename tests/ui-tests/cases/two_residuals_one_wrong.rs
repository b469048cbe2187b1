use illia::prelude::*;

bnn! {
    struct Net: [16] -> [16] {
        residual { fc1: Linear(16) -> relu },
        residual { fc2: Linear(8) -> relu },
        head: Linear(16),
    }
}

fn main() {}
