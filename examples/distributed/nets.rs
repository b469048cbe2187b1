//! The two nets: one draw of the weights a step, so that only their gradient travels.

use illia::prelude::*;

bnn! {
    pub struct Images: [1, 28, 28] -> [10] {
        posterior: FanIn;
        estimator: Reparameterization;

        conv1: Conv2d(16, kernel: 5, padding: 2) -> relu -> max_pool(2),
        conv2: Conv2d(32, kernel: 5, padding: 2) -> relu -> max_pool(2),
        flatten,
        fc: Linear(128) -> relu,
        head: Linear(10),
    }
}

bnn! {
    pub struct Block: [seq, 64] -> [seq, 64] {
        residual { norm1: LayerNorm, attend: SelfAttention(heads: 4) },
        residual { norm2: LayerNorm, up: Linear(256) -> gelu, down: Linear(64) },
    }
}

bnn! {
    pub struct Sequences: [seq] -> [16] {
        posterior: FanIn;
        estimator: Reparameterization;

        embed: Embedding(64, vocabulary: 16),
        position: PositionEmbedding(max: 32),
        blocks: [Block; 2],
        norm: LayerNorm,
        mean,
        head: Linear(16),
    }
}
