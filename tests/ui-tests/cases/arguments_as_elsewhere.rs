use illia::prelude::*;

bnn! {
    struct Net: [seq] -> [2] {
        embed: Embedding(8, vocab: 10),
        mean,
        fc: Linear(out: 4),
        head: Linear(2),
    }
}

bnn! {
    struct Image: [1, 8, 8] -> [4] {
        conv: Conv2d(4, kernel_size: 3) -> max_pool(window: 2) -> global_avg_pool,
    }
}

fn main() {}
