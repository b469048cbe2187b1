use illia::prelude::*;

bnn! { struct Block: [4] -> [4] { fc: Linear(4) } }

bnn! {
    struct Net: [4] -> [4] {
        blocks: Vec<Block>,
    }
}

fn main() {}
