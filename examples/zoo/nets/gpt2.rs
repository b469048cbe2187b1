//! GPT-2.

use illia::prelude::*;

bnn! {
    /// Radford et al. (2019): `width` 768, 12 heads, 12 layers, a vocabulary of 50257, a context of 1024 for the smallest.
    pub struct Gpt2(width: i64, heads: i64, layers: usize, vocabulary: i64, context: i64): [seq] -> [seq, vocabulary] {
        wte: Embedding(width, vocabulary: vocabulary),
        wpe: PositionEmbedding(max: context) -> dropout(0.1),
        h: repeat layers {
            attn: residual { ln: LayerNorm, attend: SelfAttention(heads: heads, causal: true, dropout: 0.1) -> dropout(0.1) },
            mlp: residual { ln: LayerNorm, up: Linear(4 * width) -> gelu_tanh, down: Linear(width) -> dropout(0.1) },
        },
        ln_f: LayerNorm,
        head: Tied(wte),
    }
}
