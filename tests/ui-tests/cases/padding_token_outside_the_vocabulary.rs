use illia::prelude::*;

bnn! {
    struct Net: [seq] -> [seq, 8] {
        embed: Embedding(8, vocabulary: 10, padding_idx: 10),
    }
}

fn main() {}
