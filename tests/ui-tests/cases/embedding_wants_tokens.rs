use illia::prelude::*;

bnn! {
    struct Net: [8] -> [8, 4] {
        fc: Linear(8),
        embed: Embedding(4, vocabulary: 100),
    }
}

fn main() {}
