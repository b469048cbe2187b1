//! What other libraries call a layer, an op or a family leads to its name here.

use illia::prelude::*;

bnn! {
    struct Net: [3, 8, 8] -> [2] {
        prior: Normal(std: 0.1);
        posterior: Laplace(scale: 0.1);

        view([192]),
        fc: Dense(8) -> relu,
        head: Linear(2, prior: Gaussian(sigma: 1.0), estimator: LocalReparametrization),
    }
}

bnn! {
    struct Text: [seq] -> [seq, 16] {
        embed: Embedding(16, vocabulary: 10),
        position: PositionalEncoding(max: 64),
        attend: MultiheadAttention(16, 2),
        out: Linear(16),
    }
}

fn main() {}
