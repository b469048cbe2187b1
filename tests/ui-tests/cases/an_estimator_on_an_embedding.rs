use illia::prelude::*;

bnn! {
    struct Net: [seq] -> [seq, 4] {
        embed: Embedding(4, vocabulary: 9, estimator: Flipout),
    }
}

fn main() {}
