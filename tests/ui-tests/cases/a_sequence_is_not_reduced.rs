use illia::prelude::*;

bnn! {
    struct Net: [seq] -> [2] {
        embed: Embedding(16, vocabulary: 100),
        gru: Gru(8),
        head: Linear(2),
    }
}

fn main() {}
