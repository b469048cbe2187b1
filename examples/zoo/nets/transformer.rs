//! The encoder-decoder transformer.

use illia::prelude::*;

bnn! {
    /// Vaswani et al. (2017), figure 1, between the embeddings and the softmax: `width` 512, 8 heads, `hidden` 2048, 6 layers each.
    pub struct Transformer(width: i64, heads: i64, hidden: i64, layers: usize):
        (source: [s, width], keep: [s], target: [t, width]) -> [t, width] {
        source -> encoder: repeat layers {
            own: residual { attend: SelfAttention(heads: heads, mask: keep) },
            norm1: LayerNorm,
            feed: residual { up: Linear(hidden) -> relu, down: Linear(width) },
            norm2: LayerNorm,
        },
        let memory = norm_source: LayerNorm;
        target -> decoder: repeat layers {
            own: residual { attend: SelfAttention(heads: heads, causal: true) },
            norm1: LayerNorm,
            across: residual { look: CrossAttention(heads: heads, memory: memory, mask: keep) },
            norm2: LayerNorm,
            feed: residual { up: Linear(hidden) -> relu, down: Linear(width) },
            norm3: LayerNorm,
        },
        norm_target: LayerNorm,
    }
}
