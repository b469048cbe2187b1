use illia::prelude::*;

bnn! {
    struct Text: [seq] -> [seq, 16] {
        embed: Embedding(1000, 32),
        read: Lstm(32, 8, bidirectional: true),
        write: Gru(hidden_size: 16) -> softmax(dim: 2),
    }
}

bnn! {
    struct Image: [192] -> [3, 16, 16] {
        reshape(3, 8, 8),
        upsample(scale_factor: 4),
        max_pool(2, 2),
    }
}

fn main() {}
