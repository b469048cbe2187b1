//! all-MiniLM-L6-v2 (Wang et al. 2020; Reimers & Gurevych 2019): a BERT (Devlin et al. 2019) of 22.7 million weights that turns a
//! sentence into a point on the unit sphere.

use std::path::Path;

use illia::checkpoint::Names;
use illia::prelude::*;

/// Features of a token, and of a sentence.
pub const WIDTH: i64 = 384;

bnn! {
    /// Token numbers, their types (0: one sentence) and 1 where there is a token, to the last layer's states.
    pub struct Encoder: (tokens: [seq], types: [seq], keep: [seq]) -> [seq, WIDTH] {
        let kind = types -> embed_type: Embedding(WIDTH, vocabulary: 2);
        tokens -> embed: Embedding(WIDTH, vocabulary: 30522) -> position: PositionEmbedding(max: 512) -> add(kind),
        norm: LayerNorm(eps: 1e-12),
        repeat 6 {
            residual { attend: SelfAttention(heads: 12, mask: keep) },
            norm_attend: LayerNorm(eps: 1e-12),
            residual { up: Linear(4 * WIDTH) -> gelu, down: Linear(WIDTH) },
            norm_feed: LayerNorm(eps: 1e-12),
        },
    }
}

/// The encoder with the weights that `model.safetensors` in `folder` has under BERT's names; fixed.
pub fn load(folder: &Path) -> illia::Result<(nn::VarStore, Encoder)> {
    let vs = nn::VarStore::new(Device::Cpu);
    let encoder = Encoder::deterministic(&vs.root());
    let own = |rest: &str| format!("encoder.layer.*.attention.self.{rest}");
    let (query, key, value) = (own("query"), own("key"), own("value"));
    // Blocks go by their places: `repeat` is step 3, the first star a layer of the six, the second a residual block in it.
    Names::new()
        .row("embed", &["embeddings.word_embeddings"])
        .row("embed_type", &["embeddings.token_type_embeddings"])
        .row("position", &["embeddings.position_embeddings"])
        .row("norm", &["embeddings.LayerNorm"])
        .row("3.*.*.attend.in_proj", &[&query, &key, &value])
        .row("3.*.*.attend.out_proj", &["encoder.layer.*.attention.output.dense"])
        .row("3.*.norm_attend", &["encoder.layer.*.attention.output.LayerNorm"])
        .row("3.*.*.up", &["encoder.layer.*.intermediate.dense"])
        .row("3.*.*.down", &["encoder.layer.*.output.dense"])
        .row("3.*.norm_feed", &["encoder.layer.*.output.LayerNorm"])
        .ignore("embeddings.position_ids")
        .ignore("pooler")
        .load(&vs, folder.join("model.safetensors"))?;
    Ok((vs, encoder))
}

/// Sentences' points on the unit sphere, `[batch, 384]`, from states `[batch, seq, 384]`: the mean over the tokens that there are, at
/// unit length.
pub fn sentence(states: &Tensor, keep: &Tensor) -> Tensor {
    let keep = keep.to_kind(states.kind()).unsqueeze(-1);
    let mean = (states * &keep).sum_dim_intlist(1i64, false, None) / keep.sum_dim_intlist(1i64, false, None);
    let length = mean.norm_scalaropt_dim(2.0, -1i64, true);
    mean / length
}
