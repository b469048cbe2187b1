//! What is left for an axis of -1 comes out even, a padding token is one of the vocabulary, a sequence is no longer than its positions.

use illia::prelude::*;

const WIDTH: i64 = 16;
const WORDS: usize = 20;

bnn! {
    struct Net: [WIDTH] -> [3, 5] {
        reshape([3, -1]),
    }
}

bnn! {
    struct Text: [WORDS] -> [WORDS, 4] {
        embed: Embedding(4, vocabulary: WORDS, padding_idx: WORDS),
        position: PositionEmbedding(max: WORDS - 1),
    }
}

fn main() {}
