use illia::prelude::*;

bnn! {
    struct Net: [seq] -> [seq, 3] {
        tanh,
        embed: Embedding(3, vocabulary: 10),
    }
}

fn main() {}
