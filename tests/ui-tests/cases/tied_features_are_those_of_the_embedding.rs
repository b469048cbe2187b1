use illia::prelude::*;

bnn! {
    struct Net: [seq] -> [seq, 50] {
        embed: Embedding(8, vocabulary: 50),
        fc: Linear(16),
        head: Tied(embed),
    }
}

fn main() {}
