use illia::prelude::*;

bnn! {
    struct Net: [8] -> [4] {
        #[cfg(test)]
        fc1: Linear(8),
        fc2: Linear(4),
    }
}

fn main() {}
