//! The vision transformer.

use illia::prelude::*;

bnn! {
    /// Dosovitskiy et al. (2021): `width` 768, 12 heads, 12 layers, patches of 16 in images of 224, 1000 classes for ViT-B/16.
    pub struct Vit(width: i64, heads: i64, layers: usize, patch: i64, side: i64, classes: i64): [3, side, side] -> [classes] {
        patches: Conv2d(width, kernel: patch, stride: patch),
        reshape([width, (side / patch) * (side / patch)]) -> permute([1, 0]),
        class: ClassToken,
        position: PositionEmbedding(max: (side / patch) * (side / patch) + 1),
        encoder: repeat layers {
            attention: residual { ln: LayerNorm(eps: 1e-6), attend: SelfAttention(heads: heads) },
            mlp: residual { ln: LayerNorm(eps: 1e-6), up: Linear(4 * width) -> gelu, down: Linear(width) },
        },
        ln: LayerNorm(eps: 1e-6) -> first,
        head: Linear(classes),
    }
}
