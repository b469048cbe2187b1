//! BERT.

use illia::prelude::*;

bnn! {
    /// Devlin et al. (2019): `width` 768, 12 heads, 12 layers, a vocabulary of 30522 for the base model; its states and its pooled output.
    pub struct Bert(width: i64, heads: i64, layers: usize, vocabulary: i64, context: i64):
        (tokens: [seq], types: [seq], keep: [seq]) -> (states: [seq, width], pooled: [width]) {
        let kind = types -> embed_type: Embedding(width, vocabulary: 2);
        tokens -> embed: Embedding(width, vocabulary: vocabulary),
        position: PositionEmbedding(max: context) -> add(kind),
        norm: LayerNorm(eps: 1e-12) -> dropout(0.1),
        layer: repeat layers {
            attention: residual { attend: SelfAttention(heads: heads, dropout: 0.1, mask: keep) -> dropout(0.1) },
            norm_attention: LayerNorm(eps: 1e-12),
            feed: residual { up: Linear(4 * width) -> gelu, down: Linear(width) -> dropout(0.1) },
            norm_feed: LayerNorm(eps: 1e-12),
        },
        let states = identity;
        let pooled = first -> pooler: Linear(width) -> tanh;
    }
}
