use illia::prelude::*;

bnn! {
    struct Net: [seq] -> [seq, 8] {
        embed: Embedding(8),
    }
}

fn main() {}
