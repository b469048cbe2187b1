use illia::prelude::*;

bnn! {
    struct Net: [4] -> [4] {
        act: relu,
        twice: (|x| x * 2.0),
    }
}

fn main() {}
