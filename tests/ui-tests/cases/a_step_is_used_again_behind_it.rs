use illia::prelude::*;

bnn! {
    struct Net: [4] -> [4] {
        tower -> relu,
        tower: Linear(4) -> relu,
        towr,
    }
}

fn main() {}
