use illia::prelude::*;

bnn! {
    struct Net(name: &str): [4] -> [2] {
        head: Linear(2),
    }
}

fn main() {}
